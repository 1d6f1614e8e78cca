import { describe, expect, test } from 'vitest';
import type { MarketEvent } from '../model/market-event.ts';
import { trade } from '../model/testing/market-events.ts';
import { heartbeatAt } from '../wire/json-codec.ts';
import type { Batch, Hello, Snapshot } from '../wire/messages.ts';
import type { Lineage } from '../wire/position.ts';
import { type Received, StreamReceiver } from './stream-receiver.ts';

const ENDED_AT_10: Lineage = [{ epoch: 5, end: 10 }];

function events(first: number, next: number): MarketEvent[] {
  return Array.from({ length: next - first }, (_, index) => ({ ...trade(), offset: first + index }));
}

function batch(epoch: number, first: number, next: number, more: Partial<Batch> = {}): Batch {
  return { type: 'batch', writer: epoch, epoch, first, next, events: events(first, next), ...more };
}

function snapshot(epoch: number, offset: number, more: Partial<Snapshot> = {}): Snapshot {
  const reason = more.reason ?? 'lost';
  const rest = { part: 1, parts: 1, reason, recovered: reason !== 'lost', lineage: [], events: [] } as const;
  return { type: 'snapshot', epoch, offset, ...rest, ...more };
}

function hello(epoch: number, offset: number, lineage: Lineage): Hello {
  return { type: 'hello', protocol: 1, server: 'test', cut: 'full', epoch, offset, lineage };
}

/** `batch 5:3–4`, `nothing duplicate`, `hole 5:2 5:9` */
function say(received: Received): string {
  switch (received.kind) {
    case 'batch': {
      const { epoch, first, next, events } = received.batch;
      expect(events.map(event => event.offset)).toEqual(
        events.length === 0 ? [] : Array.from({ length: next - first }, (_, i) => first + i),
      );
      return `batch ${epoch}:${first}–${next - 1}`;
    }
    case 'snapshot':
      return `snapshot ${received.snapshot.reason} ${received.snapshot.position.epoch}:${received.snapshot.position.offset}`;
    case 'heartbeat':
      return `heartbeat ${received.position.epoch}:${received.position.offset}`;
    case 'nothing':
      return `nothing ${received.why}`;
    case 'hole':
      return `hole ${received.have.epoch}:${received.have.offset} ${received.got.epoch}:${received.got.offset}`;
    default:
      return received.kind;
  }
}

describe('within an epoch', () => {
  test('[ORD1] each offset is delivered at most once and in order', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 2 });
    const given = [batch(5, 3, 5), batch(5, 3, 5), batch(5, 1, 3), batch(5, 5, 6), batch(5, 3, 5)];
    expect(given.map(message => say(receiver.receive(message)))).toEqual([
      'batch 5:3–4',
      'nothing duplicate',
      'nothing duplicate',
      'batch 5:5–5',
      'nothing duplicate',
    ]);
  });

  test('[TRM1] of a batch that overlaps, only what is new is delivered', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 4 });
    expect(say(receiver.receive(batch(5, 1, 8)))).toBe('batch 5:5–7');
  });

  test('[GAP1] a hole is named, and filled by what follows our position', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 4 });
    expect(say(receiver.receive(batch(5, 6, 8)))).toBe('hole 5:4 5:7');
    expect(receiver.position).toEqual({ epoch: 5, offset: 4 });
    expect(say(receiver.receive(batch(5, 5, 8)))).toBe('batch 5:5–7');
  });

  test('[HB1] a heartbeat beyond our position reveals a lost tail; one behind it says nothing', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 4 });
    const given = [heartbeatAt(5, 5, 4), heartbeatAt(5, 5, 3), heartbeatAt(5, 5, 5)];
    expect(given.map(message => say(receiver.receive(message)))).toEqual([
      'heartbeat 5:4',
      'nothing behind',
      'hole 5:4 5:5',
    ]);
  });

  test('[CUT1] a batch without events moves the position', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 4 });
    receiver.receive(batch(5, 5, 9, { events: [] }));
    expect(receiver.position).toEqual({ epoch: 5, offset: 8 });
  });

  test('[SNP1] nothing can be placed before the first snapshot', () => {
    const receiver = new StreamReceiver();
    const given = [batch(5, 1, 3), heartbeatAt(5, 5, 2), snapshot(5, 2, { reason: 'initial' }), batch(5, 3, 4)];
    expect(given.map(message => say(receiver.receive(message)))).toEqual([
      'nothing behind',
      'nothing behind',
      'snapshot initial 5:2',
      'batch 5:3–3',
    ]);
  });
});

describe('parts', () => {
  const inParts = [1, 2, 3].map(part => batch(5, 1, 4, { part, parts: 3, events: events(part, part + 1) }));

  test('[SNP1] the position advances after the last part', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 0 });
    expect(inParts.map(part => say(receiver.receive(part)))).toEqual([
      'nothing partial',
      'nothing partial',
      'batch 5:1–3',
    ]);
  });

  test('[HB1] a heartbeat between parts does not disturb them', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 0 });
    const given = [inParts[0]!, heartbeatAt(5, 5, 0), inParts[1]!, batch(5, 1, 2), inParts[2]!];
    expect(given.map(message => say(receiver.receive(message)))).toEqual([
      'nothing partial',
      'heartbeat 5:0',
      'nothing partial',
      'batch 5:1–1',
      'batch 5:2–3',
    ]);
  });

  test('[GAP1] a lost part shows as a hole as soon as anything follows', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 0 });
    const given = [inParts[0]!, inParts[2]!, heartbeatAt(5, 5, 3)];
    expect(given.map(message => say(receiver.receive(message)))).toEqual([
      'nothing partial',
      'nothing partial',
      'hole 5:0 5:3',
    ]);
  });

  test('[SNP1] parts of an old path are worthless on a new one', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 0 });
    receiver.receive(inParts[0]!);
    receiver.receive(inParts[1]!);
    receiver.pathChanged();
    expect(say(receiver.receive(inParts[2]!))).toBe('nothing partial');
  });

  test('[SNP1] a snapshot is complete after its last part', () => {
    const receiver = new StreamReceiver();
    const parts = [1, 2].map(part =>
      snapshot(5, 9, { reason: 'initial', part, parts: 2, events: events(part, part + 1) }),
    );
    expect(say(receiver.receive(parts[0]!))).toBe('nothing partial');
    expect(receiver.receive(parts[1]!)).toMatchObject({
      snapshot: { position: { epoch: 5, offset: 9 }, events: events(1, 3).map(() => ({})) },
    });
  });
});

describe('across epochs', () => {
  test('[EPO1] at the end of an epoch the next one continues', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 10 });
    const received = receiver.receive(batch(6, 1, 3, { lineage: ENDED_AT_10 }));
    expect(received).toMatchObject({ kind: 'batch', batch: { epoch: 6, first: 1, lineage: ENDED_AT_10 } });
    expect(receiver.receive(batch(6, 3, 4))).toMatchObject({ batch: { lineage: null } });
  });

  test('[EPO1] epochs without events are passed over', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 10 });
    receiver.receive(hello(8, 2, [...ENDED_AT_10, { epoch: 6, end: 0 }, { epoch: 7, end: 3 }]));
    const given = [heartbeatAt(6, 6, 0), batch(7, 1, 4), batch(8, 1, 3)];
    expect(given.map(message => say(receiver.receive(message)))).toEqual([
      'nothing behind',
      'batch 7:1–3',
      'batch 8:1–2',
    ]);
  });

  test.each([
    ['before the end: the rest is healed first', 9],
    ['past the end: only a snapshot helps', 11],
  ])('[EPO1] %s', (_, offset) => {
    const receiver = new StreamReceiver({ epoch: 5, offset });
    expect(say(receiver.receive(batch(6, 1, 3, { lineage: ENDED_AT_10 })))).toBe(`hole 5:${offset} 6:2`);
  });

  test('[EPO1] an epoch whose past is unknown cannot be reached', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 10 });
    expect(say(receiver.receive(batch(6, 1, 3)))).toBe('hole 5:10 6:2');
  });

  test('[HB1] the heartbeat of an epoch that has just begun is no hole when it names the past', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 10 });
    expect(say(receiver.receive(heartbeatAt(6, 6, 0, ENDED_AT_10)))).toBe('heartbeat 6:0');
    expect(say(receiver.receive(batch(6, 1, 2)))).toBe('batch 6:1–1');
  });

  test('[EPO1] the lineage of a batch is that of its own epoch, whatever is known of later ones', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 10 });
    receiver.receive(hello(7, 0, [...ENDED_AT_10, { epoch: 6, end: 2 }]));
    expect(receiver.receive(batch(6, 1, 3))).toMatchObject({ batch: { lineage: ENDED_AT_10 } });
  });

  test('[EPO1] a server that is behind does not take knowledge away', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 10 });
    receiver.receive(hello(7, 0, [...ENDED_AT_10, { epoch: 6, end: 0 }]));
    receiver.receive(hello(6, 0, ENDED_AT_10));
    expect(say(receiver.receive(batch(7, 1, 3)))).toBe('batch 7:1–2');
  });

  test('[ORD2] epochs never go back', () => {
    const receiver = new StreamReceiver({ epoch: 6, offset: 1 });
    const given = [batch(5, 1, 9), heartbeatAt(6, 5, 9), snapshot(5, 99), snapshot(6, 0)];
    expect(given.map(message => say(receiver.receive(message)))).toEqual([
      'nothing duplicate',
      'nothing behind',
      'nothing behind',
      'nothing behind',
    ]);
  });

  test('[ORD2] a deposed leader is not heard once its successor was', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 8 });
    receiver.receive(batch(6, 1, 2, { lineage: ENDED_AT_10 }));
    const given = [batch(5, 9, 12), heartbeatAt(5, 5, 8), snapshot(5, 12)];
    expect(given.map(message => say(receiver.receive(message)))).toEqual([
      'nothing staleWriter',
      'heartbeat 5:8',
      'nothing staleWriter',
    ]);
  });

  test('[EPO1] what a finished epoch holds up to its end is history, whoever wrote it', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 8 });
    receiver.receive(batch(6, 1, 2, { lineage: ENDED_AT_10 }));
    expect(receiver.writer).toBe(6);
    const given = [batch(5, 9, 11), batch(6, 1, 2)];
    expect(given.map(message => say(receiver.receive(message)))).toEqual(['batch 5:9–10', 'batch 6:1–1']);
  });

  test('[EPO1] an old epoch that a new leader copies forward is delivered under the new writer', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 8 });
    expect(receiver.receive(batch(5, 9, 11, { writer: 6 }))).toMatchObject({ batch: { writer: 6, epoch: 5 } });
    expect(say(receiver.receive(batch(5, 11, 13)))).toBe('nothing staleWriter');
  });
});

describe('snapshots for a consumer that has a position', () => {
  test('[GAP1] a loss is declared once, even when a path repeats itself', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 2 });
    expect(say(receiver.receive(snapshot(5, 9)))).toBe('snapshot lost 5:9');
    expect(say(receiver.receive(snapshot(5, 9)))).toBe('nothing duplicate');
  });

  test('[EPO1] one marked diverged takes it to the new epoch', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 12 });
    const beginning = snapshot(6, 0, { reason: 'diverged', lineage: ENDED_AT_10 });
    expect(say(receiver.receive(beginning))).toBe('snapshot diverged 6:0');
    expect(receiver.lineage).toEqual(ENDED_AT_10);
    expect(say(receiver.receive(beginning))).toBe('nothing duplicate');
  });

  test('[EPO1] of a finished epoch it takes the beginning, which is history, and nothing past its end', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 12 });
    const lineage = [...ENDED_AT_10, { epoch: 6, end: 4 }];
    receiver.receive(batch(7, 1, 1, { lineage }));
    expect(receiver.writer).toBe(7);
    expect(say(receiver.receive(snapshot(6, 5, { reason: 'lost' })))).toBe('nothing staleWriter');
    expect(say(receiver.receive(snapshot(6, 0, { reason: 'diverged', lineage: ENDED_AT_10 })))).toBe(
      'snapshot diverged 6:0',
    );
  });

  test('[GAP1] a source that could only begin anew has lost what lies between, and that is said', () => {
    const receiver = new StreamReceiver({ epoch: 5, offset: 2 });
    const received = receiver.receive(snapshot(5, 9, { reason: 'initial' }));
    expect(received).toMatchObject({ snapshot: { reason: 'lost', recovered: false } });
  });

  test('[RES1] of two paths that were asked at once with nothing, the second brings no new beginning', () => {
    const receiver = new StreamReceiver();
    const given = [snapshot(5, 9, { reason: 'initial' }), snapshot(5, 9, { reason: 'initial' }), batch(5, 10, 12)];
    expect(given.map(message => say(receiver.receive(message)))).toEqual([
      'snapshot initial 5:9',
      'nothing duplicate',
      'batch 5:10–11',
    ]);
  });
});
