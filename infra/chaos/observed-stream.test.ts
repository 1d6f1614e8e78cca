import { describe, expect, test } from 'vitest';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { ticker, trade } from '../../shared/model/testing/market-events.ts';
import type { Batch, ServerMessage, Snapshot } from '../../shared/wire/messages.ts';
import { fencingFaults } from './fencing-checker.ts';
import type { Observer } from './heard-message.ts';
import { observedStream } from './observed-stream.ts';

const TRADES = Array.from({ length: 9 }, (_, index) => ({ ...trade(), offset: index + 1 }));
const LINEAGE = [{ epoch: 5, end: 4 }];

function batch(epoch: number, first: number, next: number, more: Partial<Batch> = {}): Batch {
  return { type: 'batch', writer: epoch, epoch, first, next, events: TRADES.slice(first - 1, next - 1), ...more };
}

function snapshot(offset: number, events: readonly MarketEvent[] = []): Snapshot {
  const rest = { part: 1, parts: 1, reason: 'initial', recovered: true, lineage: [] } as const;
  return { type: 'snapshot', epoch: 5, offset, events, ...rest };
}

function observer(name: string, ...heard: readonly (readonly [at: number, message: ServerMessage])[]): Observer {
  return { name, heard: heard.map(([at, message]) => ({ at, connection: 0, message })) };
}

const ranges = (batches: ReturnType<typeof observedStream>['published']) =>
  batches.map(({ epoch, first, next, events }) => `${epoch}:${first}–${next - 1} with ${events.length}`);

describe('what was published, from what several heard', () => {
  test('whatever one of them heard is there, cut where anybody heard a batch end', () => {
    const one = observer('one', [1, snapshot(2)], [2, batch(5, 3, 5)], [9, batch(7, 1, 3, { lineage: LINEAGE })]);
    const other = observer('other', [3, snapshot(2)], [4, batch(5, 3, 4)], [5, batch(5, 4, 5)]);
    const { published, deposed, epochs, faults, unheard } = observedStream([one, other]);
    expect(ranges(published)).toEqual(['5:1–2 with 0', '5:3–3 with 1', '5:4–4 with 1', '7:1–2 with 2']);
    expect([deposed, faults, unheard]).toEqual([[], [], 0]);
    expect(epochs.map(({ epoch, end, firstRecordAt }) => [epoch, end, firstRecordAt])).toEqual([
      [5, 4, 2],
      [7, null, 9],
    ]);
  });

  test('it begins with the state that the first of them was given', () => {
    const state = [{ ...ticker(), offset: 2 }];
    const { published } = observedStream([observer('one', [1, snapshot(2, state)], [2, batch(5, 3, 4)])]);
    expect(published[0]).toMatchObject({ epoch: 5, first: 1, next: 3, events: state });
  });

  test('what lies past an end that the successors know belongs to a deposed leader', () => {
    const one = observer('one', [1, snapshot(2)], [2, batch(5, 3, 5)], [3, batch(5, 5, 7)]);
    const other = observer('other', [9, batch(7, 1, 2, { lineage: LINEAGE })]);
    const { published, deposed } = observedStream([one, other]);
    expect(ranges(published)).toEqual(['5:1–2 with 0', '5:3–4 with 2', '7:1–1 with 1']);
    expect(ranges(deposed)).toEqual(['5:5–6 with 2']);
  });

  test('two that heard different things are a fault', () => {
    const one = observer('one', [1, snapshot(2)], [2, batch(5, 3, 4)]);
    const other = observer('other', [3, batch(5, 3, 4, { events: [{ ...TRADES[2]!, id: 'another' }] })]);
    expect(observedStream([one, other]).faults).toEqual([expect.stringContaining('other heard another 5:3')]);
    const early = observer('early', [4, batch(7, 1, 2, { lineage: LINEAGE })]);
    const late = observer('late', [5, batch(7, 1, 2, { lineage: [{ epoch: 5, end: 3 }] })]);
    expect(observedStream([one, early, late]).faults).toEqual([expect.stringContaining('ends at 3, not at 4')]);
  });

  test('what nobody heard is counted', () => {
    const one = observer('one', [1, snapshot(2)], [2, batch(5, 3, 7, { events: [TRADES[5]!] })]);
    expect(observedStream([one]).unheard).toBe(3);
  });
});

describe('a deposed leader', () => {
  const follower = observer('follower', [10, batch(5, 1, 5)], [3_000, batch(7, 1, 2, { lineage: LINEAGE })]);
  const faultsOf = (...observers: readonly Observer[]) =>
    fencingFaults(observers, observedStream(observers).epochs).map(({ rule, text }) => `${rule} ${text}`);

  test('may have spoken until its successor began, and history is told again by anybody', () => {
    const witness = observer('witness', [10, batch(5, 1, 5)], [20, batch(5, 5, 6)], [3_100, batch(5, 5, 6)]);
    expect(faultsOf(follower, witness)).toEqual([]);
    expect(faultsOf(observer('late', [3_000, batch(7, 1, 2, { lineage: LINEAGE })], [9_000, batch(5, 1, 5)]))).toEqual(
      [],
    );
  });

  test('[FEN1] must not speak after that, not even to those who have heard of nobody else', () => {
    const witness = observer('witness', [10, batch(5, 1, 5)], [4_000, batch(5, 5, 6)]);
    expect(faultsOf(follower, witness)).toEqual(['FEN1 witness heard 5:5–5 of 5 1000 ms after 7 had begun']);
  });

  test('[FEN1] may be read later for what somebody heard in time: a node that was cut off serves its log to who comes', () => {
    const witness = observer('witness', [10, batch(5, 1, 5)], [20, batch(5, 5, 7)]);
    const late = observer('late', [10, batch(5, 1, 5)], [4_000, batch(5, 5, 6)], [4_010, batch(5, 6, 7)]);
    expect(faultsOf(follower, witness, late)).toEqual([]);
  });

  test('[FEN1] that was stopped between the sealing and the sending of one batch is forgiven that one, where told so', () => {
    const witness = observer('witness', [10, batch(5, 1, 5)], [4_000, batch(5, 5, 6)], [4_100, batch(5, 6, 150)]);
    const observers = [follower, witness];
    const faults = fencingFaults(observers, observedStream(observers).epochs, { halfSent: true });
    expect(faults.map(({ text }) => text)).toEqual(['witness heard 5:6–149 of 5 1100 ms after 7 had begun']);
  });

  test('[FEN1] is not forgiven a batch of more than a busy machine seals at once: it went on by itself', () => {
    const witness = observer('witness', [10, batch(5, 1, 5)], [4_000, batch(5, 5, 150)]);
    const observers = [follower, witness];
    const faults = fencingFaults(observers, observedStream(observers).epochs, { halfSent: true });
    expect(faults.map(({ text }) => text)).toEqual(['witness heard 5:5–149 of 5 1000 ms after 7 had begun']);
  });

  test('[ORD2] must not be heard by one who has heard of its successor', () => {
    const client = observer('client', [3_000, batch(7, 1, 2, { lineage: LINEAGE })], [3_100, batch(5, 5, 6)]);
    expect(faultsOf(client)).toEqual(['ORD2 client heard 5:5–5 of 5 at 3100, after writer 7']);
    const beaten = observer('beaten', [3_000, batch(7, 1, 2, { lineage: LINEAGE })], [3_100, batch(5, 6, 6)]);
    expect(faultsOf(beaten)).toEqual(['ORD2 beaten heard a heartbeat of 5 at 5:5 at 3100, after writer 7']);
  });
});
