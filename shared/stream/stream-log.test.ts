import { describe, expect, test } from 'vitest';
import { orderBook, ticker, trade } from '../model/testing/market-events.ts';
import { decodeMessage } from '../wire/json-codec.ts';
import type { Batch, ServerMessage } from '../wire/messages.ts';
import { StreamLog } from './stream-log.ts';
import { Publisher } from './testing/publisher.ts';

function decoded(text: string): ServerMessage {
  const result = decodeMessage(text);
  if (!result.ok) throw new Error(text);
  return result.message;
}

describe('appending', () => {
  test('[ORD1] a batch that does not follow is refused, and nothing has changed', () => {
    const leader = new Publisher();
    leader.beginEpoch(5);
    const first = leader.seal(ticker());
    const refused: Partial<Batch>[] = [
      { first: 1, next: 2 },
      { first: 3, next: 4 },
      { epoch: 6, first: 2 },
      { first: 2, next: 2 },
    ];
    for (const wrong of refused) expect(() => leader.log.append({ ...first, ...wrong }, 0)).toThrow(RangeError);
    expect([leader.log.position, leader.log.ring.end]).toEqual([{ epoch: 5, offset: 1 }, 1]);
  });

  test('[ORD2] an epoch that is not above the present one is refused', () => {
    const leader = new Publisher();
    leader.beginEpoch(5);
    for (const epoch of [5, 4]) expect(() => leader.log.beginEpoch(epoch, [])).toThrow(RangeError);
  });

  test('position, latest state and history have all moved when listeners hear of it', () => {
    const leader = new Publisher();
    leader.beginEpoch(5);
    const heard: unknown[] = [];
    const stop = leader.log.onChange(() =>
      heard.push([leader.log.position.offset, leader.log.ring.end, leader.log.latest.size]),
    );
    leader.seal(ticker('A/KRW'), ticker('B/KRW'));
    leader.seal(trade());
    stop();
    leader.seal(trade());
    expect(heard).toEqual([
      [2, 1, 2],
      [3, 2, 2],
    ]);
  });

  test('the writer is whoever published last', () => {
    const leader = new Publisher();
    leader.beginEpoch(5);
    leader.log.append({ ...leader.seal(trade()), writer: 7, first: 2, next: 3 }, 0);
    expect(leader.log.writer).toBe(7);
  });
});

describe('planning', () => {
  /** Epoch 5 ended at 4, epoch 6 was empty, epoch 8 is at 2. */
  function threeTerms(): StreamLog {
    const leader = new Publisher();
    leader.beginEpoch(5);
    leader.seal(trade(), trade());
    leader.seal(trade(), trade());
    leader.beginEpoch(6);
    leader.beginEpoch(8);
    leader.seal(trade());
    leader.seal(trade());
    return leader.log;
  }

  test.each([
    ['[SNP1] nobody knows anything', null, { kind: 'snapshot', reason: 'initial' }],
    ['[SNP1] epoch 0 is no position', { epoch: 0, offset: 0 }, { kind: 'snapshot', reason: 'initial' }],
    ['[RES1] the newest position', { epoch: 8, offset: 2 }, { kind: 'resume', from: 4 }],
    ['[RES1] within the epoch', { epoch: 8, offset: 1 }, { kind: 'resume', from: 3 }],
    ['[RES1] in the middle of a batch', { epoch: 5, offset: 1 }, { kind: 'resume', from: 0 }],
    ['[EPO1] at the end of an epoch', { epoch: 5, offset: 4 }, { kind: 'resume', from: 2 }],
    ['[EPO1] before the end of an epoch', { epoch: 5, offset: 2 }, { kind: 'resume', from: 1 }],
    ['[EPO1] in an epoch without events', { epoch: 6, offset: 0 }, { kind: 'resume', from: 2 }],
    ['[EPO1] past the end of an epoch', { epoch: 5, offset: 5 }, { kind: 'snapshot', reason: 'diverged' }],
    ['[EPO1] of an epoch nobody knows', { epoch: 7, offset: 1 }, { kind: 'snapshot', reason: 'lost' }],
    ['[HB1] beyond us', { epoch: 8, offset: 9 }, { kind: 'resume', from: 4 }],
    ['[HB1] in a later epoch', { epoch: 9, offset: 1 }, { kind: 'resume', from: 4 }],
  ] as const)('%s', (_, position, plan) => expect(threeTerms().plan(position)).toEqual(plan));

  test('[GAP1] what history no longer covers is lost, what it just covers is not', () => {
    const leader = new Publisher(new StreamLog({ maxAgeMs: 1_000, maxBytes: 1 }));
    leader.beginEpoch(5);
    for (let index = 0; index < 5; index++) leader.seal(trade(), trade());
    expect(leader.log.plan({ epoch: 5, offset: 8 })).toEqual({ kind: 'resume', from: 4 });
    expect(leader.log.plan({ epoch: 5, offset: 7 })).toEqual({ kind: 'snapshot', reason: 'lost' });
  });

  test('[GAP1] after a reset only the position itself can be resumed from', () => {
    const log = new StreamLog();
    log.reset({ epoch: 8, offset: 20 }, 8, [{ epoch: 5, end: 4 }], [ticker()]);
    expect(log.plan({ epoch: 8, offset: 20 })).toEqual({ kind: 'resume', from: 0 });
    expect(log.plan({ epoch: 8, offset: 19 })).toEqual({ kind: 'snapshot', reason: 'lost' });
    expect(log.plan({ epoch: 5, offset: 4 })).toEqual({ kind: 'snapshot', reason: 'lost' });
  });

  test.each([
    ['a later end than ours', 6],
    ['an earlier end than ours', 3],
  ])('[EPO1] history that the new epoch does not continue is not served: %s', (_, end) => {
    const leader = new Publisher();
    leader.beginEpoch(5);
    leader.seal(trade(), trade());
    leader.seal(trade(), trade());
    const { generation } = leader.log;
    leader.beginEpoch(6, [{ epoch: 5, end }]);
    expect(leader.log.generation).toBe(generation + 1);
    expect(leader.log.plan({ epoch: 5, offset: 2 })).toEqual({ kind: 'snapshot', reason: 'lost' });
    expect(leader.log.plan({ epoch: 5, offset: end })).toEqual({ kind: 'resume', from: 2 });
  });
});

describe('encoding', () => {
  test('[CUT1] batches of a cut cover the same offsets without its types', () => {
    const leader = new Publisher();
    leader.beginEpoch(5);
    const batch = leader.seal(ticker(), orderBook());
    expect(decoded(leader.log.encodedBatch(batch, 'lite'))).toMatchObject({
      first: 1,
      next: 3,
      events: [{ type: 'ticker' }],
    });
  });

  test('every batch is encoded once for each cut, and once for both when they do not differ', () => {
    const leader = new Publisher();
    leader.beginEpoch(5);
    const batch = leader.seal(ticker());
    expect(decoded(leader.log.encodedBatch(batch, 'full'))).toEqual(batch);
    expect(leader.log.encodedBatch(batch, 'lite')).toBe(leader.log.encodedBatch(batch, 'full'));
  });

  test('a batch says the same after its events have been let go of', () => {
    const leader = new Publisher();
    leader.beginEpoch(5);
    const batches = Array.from({ length: 20 }, (_, number) =>
      leader.seal(ticker('A/KRW', { last: String(number) }), orderBook()),
    );
    for (const [number, batch] of batches.entries()) {
      const remembered = leader.log.ring.at(number)!.batch;
      expect(remembered).toEqual(batch);
      expect({ ...remembered }).toEqual(batch);
      expect(decoded(leader.log.encodedBatch(remembered, 'full'))).toEqual(batch);
      expect(decoded(leader.log.encodedBatch(remembered, 'lite'))).toMatchObject({ events: [{ type: 'ticker' }] });
    }
    const [oldest, newest] = [0, 19].map(number => leader.log.ring.at(number)!.batch);
    expect(oldest!.events).not.toBe(batches[0]!.events);
    expect(newest!.events).toBe(batches[19]!.events);
  });

  test('[SNP1] a snapshot is encoded once at a position, and anew at the next', () => {
    const leader = new Publisher();
    leader.beginEpoch(5);
    leader.seal(ticker('A/KRW', { last: '1' }));
    const before = leader.log.snapshotMessages('full', 'initial');
    expect(leader.log.snapshotMessages('full', 'initial')).toBe(before);
    expect(before.map(decoded)).toMatchObject([
      { offset: 1, part: 1, parts: 1, recovered: true, events: [{ last: '1' }] },
    ]);
    leader.seal(ticker('A/KRW', { last: '2' }));
    expect(leader.log.snapshotMessages('full', 'lost').map(decoded)).toMatchObject([
      { offset: 2, reason: 'lost', recovered: false, events: [{ last: '2' }] },
    ]);
  });
});

describe('[EPO1] the beginnings of epochs', () => {
  const textOf = (log: StreamLog, epoch: number) => {
    const beginning = log.beginningAfter(epoch, 'full');
    return beginning === null ? null : [beginning.position, JSON.parse(beginning.messages[0]!).events];
  };

  test('the state is kept as it was, whatever has happened since', () => {
    const publisher = new Publisher(new StreamLog());
    publisher.beginEpoch(5);
    publisher.seal(ticker('BTC/KRW', { last: '1' }));
    publisher.beginEpoch(6);
    publisher.seal(ticker('BTC/KRW', { last: '2' }));
    expect(textOf(publisher.log, 5)).toMatchObject([{ epoch: 6, offset: 0 }, [{ last: '1' }]]);
    expect(publisher.log.plan({ epoch: 5, offset: 9 })).toEqual({ kind: 'snapshot', reason: 'diverged' });
  });

  test('the beginning of an empty epoch is reached as long as the next one that holds anything', () => {
    const publisher = new Publisher(new StreamLog());
    for (const epoch of [5, 6, 7]) publisher.beginEpoch(epoch);
    publisher.seal(ticker());
    expect(textOf(publisher.log, 5)).toEqual([{ epoch: 6, offset: 0 }, []]);
    expect(publisher.log.plan({ epoch: 5, offset: 3 })).toEqual({ kind: 'snapshot', reason: 'diverged' });
  });

  test('whoever never heard of an empty epoch knows its beginning by the next one', () => {
    const follower = new Publisher(new StreamLog());
    follower.beginEpoch(5);
    follower.beginEpoch(7, [
      { epoch: 5, end: 0 },
      { epoch: 6, end: 0 },
    ]);
    follower.seal(ticker());
    expect(textOf(follower.log, 5)).toEqual([{ epoch: 7, offset: 0 }, []]);
    expect(follower.log.plan({ epoch: 5, offset: 3 })).toEqual({ kind: 'snapshot', reason: 'diverged' });
  });

  test('it is forgotten with the history that follows it: then the reader has lost something', () => {
    let now = 0;
    const publisher = new Publisher(new StreamLog({ maxAgeMs: 60_000, maxBytes: 1_000_000 }), () => now);
    publisher.beginEpoch(5);
    publisher.seal(trade());
    publisher.beginEpoch(6);
    publisher.seal(trade());
    now = 50_000;
    publisher.seal(trade());
    expect(textOf(publisher.log, 5)).not.toBeNull();
    now = 61_000;
    publisher.seal(trade());
    expect(textOf(publisher.log, 5)).toBeNull();
    expect(publisher.log.plan({ epoch: 5, offset: 9 })).toEqual({ kind: 'snapshot', reason: 'lost' });
  });

  test('whoever is reset to a beginning can pass it on', () => {
    const log = new StreamLog();
    log.reset({ epoch: 6, offset: 0 }, 6, [{ epoch: 5, end: 1 }], [ticker()]);
    expect(textOf(log, 5)).toMatchObject([{ epoch: 6, offset: 0 }, [{ type: 'ticker' }]]);
    log.reset({ epoch: 6, offset: 3 }, 6, [{ epoch: 5, end: 1 }], [ticker()]);
    expect(textOf(log, 5)).toBeNull();
  });
});
