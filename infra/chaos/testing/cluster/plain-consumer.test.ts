import { describe, expect, test } from 'vitest';
import type { MarketEvent } from '../../../../shared/model/market-event.ts';
import { trade } from '../../../../shared/model/testing/market-events.ts';
import type { Batch, Snapshot } from '../../../../shared/wire/messages.ts';
import { PartJoiner } from './part-joiner.ts';
import { PlainConsumer, type Taken } from './plain-consumer.ts';

const LINEAGE = [{ epoch: 5, end: 4 }];
const EVENTS = Array.from({ length: 9 }, (_, index) => ({ ...trade(), offset: index + 1 }));

function batch(epoch: number, first: number, next: number, more: Partial<Batch> = {}): Batch {
  const events = EVENTS.slice(first - 1, next - 1).map(event => ({ ...event, id: `${epoch}-${event.offset}` }));
  return { type: 'batch', writer: epoch, epoch, first, next, events, ...more };
}

function snapshot(epoch: number, offset: number, more: Partial<Snapshot> = {}): Snapshot {
  const rest = { part: 1, parts: 1, reason: 'initial', recovered: true, lineage: [], events: [] } as const;
  return { type: 'snapshot', epoch, offset, ...rest, ...more };
}

function told(taken: Taken): string {
  if (taken.kind !== 'delivery') return taken.kind;
  const { delivery } = taken;
  if (delivery.kind === 'batch') return `${delivery.epoch}:${delivery.events.map(({ offset }) => offset)}`;
  return `${delivery.kind} ${delivery.epoch}:${delivery.offset}`;
}

function live(...messages: readonly (Batch | Snapshot)[]): string[] {
  const consumer = new PlainConsumer();
  return messages.map(message => told(message.type === 'batch' ? consumer.batch(message) : consumer.snapshot(message)));
}

describe('a consumer by the book', () => {
  test('[SNP1] [ORD1] [TRM1] begins with a snapshot, goes on in order, and trims', () => {
    const given = [batch(5, 1, 3), snapshot(5, 2), batch(5, 1, 3), batch(5, 2, 5), batch(5, 5, 5)];
    expect(live(...given)).toEqual(['nothing', 'snapshot 5:2', 'nothing', '5:3,4', 'heartbeat 5:4']);
  });

  test('[GAP1] notices a hole, in a batch, a heartbeat, or between epochs', () => {
    expect(live(snapshot(5, 2), batch(5, 4, 5))).toEqual(['snapshot 5:2', 'hole']);
    expect(live(snapshot(5, 2), batch(5, 4, 4))).toEqual(['snapshot 5:2', 'hole']);
    expect(live(snapshot(5, 2), batch(7, 1, 2, { lineage: LINEAGE }))).toEqual(['snapshot 5:2', 'hole']);
  });

  test('[EPO1] goes from the end of one epoch to the beginning of the next, and over empty ones', () => {
    const lineage = [...LINEAGE, { epoch: 6, end: 0 }];
    expect(live(snapshot(5, 4), batch(7, 1, 2, { lineage }))).toEqual(['snapshot 5:4', '7:1']);
  });

  test('[ORD2] believes no old writer after a new one, but history', () => {
    const copied = batch(5, 3, 4, { writer: 7, lineage: LINEAGE });
    expect(live(snapshot(5, 2), copied, batch(5, 4, 5), batch(5, 5, 6))).toEqual([
      'snapshot 5:2',
      '5:3',
      '5:4',
      'nothing',
    ]);
  });

  test('[TRD1] drops after a divergence what it had, by id and, fetched, by what it says; once each', () => {
    const [, , , , void5, void6] = EVENTS.map(event => ({ ...event, id: `5-${event.offset}` }));
    const again: MarketEvent[] = [
      { ...void5!, offset: 1 },
      { ...void6!, offset: 2, id: 'fetched', backfilled: true },
      { ...void6!, offset: 3, id: 'alike', backfilled: true },
      { ...void5!, offset: 4, id: 'alike, not fetched' },
    ];
    const diverged = snapshot(7, 0, { reason: 'diverged', lineage: LINEAGE });
    const given = [snapshot(5, 4), batch(5, 5, 7), diverged, batch(7, 1, 5, { events: again })];
    expect(live(...given)).toEqual(['snapshot 5:4', '5:5,6', 'snapshot 7:0', '7:3,4']);
    // It diverges once more: what was told again in epoch 7 belongs to everybody now and is no longer expected.
    const lineage = [...LINEAGE, { epoch: 7, end: 2 }];
    const later = batch(9, 1, 3, {
      events: [
        { ...void5!, offset: 1 },
        { ...again[2]!, offset: 2 },
      ],
    });
    expect(live(...given, snapshot(9, 0, { reason: 'diverged', lineage }), later).slice(4)).toEqual([
      'snapshot 9:0',
      '9:1',
    ]);
  });
});

test('[SNP1] parts make a whole only when all have come in order', () => {
  const joiner = new PartJoiner();
  const part = (number: number) => batch(5, 1, 4, { part: number, parts: 3, events: [EVENTS[number - 1]!] });
  expect([joiner.join(part(1)), joiner.join(part(2))]).toEqual([null, null]);
  expect(joiner.join(part(3))?.events.map(({ offset }) => offset)).toEqual([1, 2, 3]);
  expect([joiner.join(part(1)), joiner.join(part(3)), joiner.join(part(2))]).toEqual([null, null, null]);
  expect(joiner.join(batch(5, 4, 5))?.events).toHaveLength(1);
});
