import { describe, expect, test } from 'vitest';
import type { MarketEvent } from '../model/market-event.ts';
import { orderBook, ticker, trade } from '../model/testing/market-events.ts';
import { decodeMessage } from '../wire/json-codec.ts';
import { type Cut, MAX_PART_BYTES, type ServerMessage } from '../wire/messages.ts';
import type { Position } from '../wire/position.ts';
import { StreamCursor } from './cursor.ts';
import { StreamLog } from './stream-log.ts';
import { Publisher } from './testing/publisher.ts';

function leading(log = new StreamLog()): Publisher {
  const leader = new Publisher(log);
  leader.beginEpoch(5);
  return leader;
}

function takeAll(cursor: StreamCursor): ServerMessage[] {
  const messages: ServerMessage[] = [];
  for (let text = cursor.take(); text !== null; text = cursor.take()) {
    const decoded = decodeMessage(text);
    if (!decoded.ok) throw new Error(text);
    expect(text.length).toBeLessThanOrEqual(MAX_PART_BYTES);
    messages.push(decoded.message);
  }
  return messages;
}

/** `batch 5:1–3`, `snapshot initial 5:3` */
function summary(messages: readonly ServerMessage[]): string[] {
  return messages.map(message => {
    const part = 'part' in message && message.parts! > 1 ? ` ${message.part}/${message.parts}` : '';
    if (message.type === 'batch') return `batch ${message.epoch}:${message.first}–${message.next - 1}${part}`;
    if (message.type === 'snapshot') return `snapshot ${message.reason} ${message.epoch}:${message.offset}${part}`;
    return message.type;
  });
}

function cursorAt(leader: Publisher, position: Position | null, cut: Cut = 'full'): StreamCursor {
  return new StreamCursor(leader.log, position, cut);
}

/** About 300 KiB in any cut, which is more than one part. */
function large(): MarketEvent[] {
  return Array.from({ length: 1_600 }, (_, index) => trade(`C${index}/KRW`));
}

describe('a reader that keeps up', () => {
  test('[RES1] gets each sealed batch as it is', () => {
    const leader = leading();
    const cursor = cursorAt(leader, { epoch: 5, offset: 0 });
    for (let index = 0; index < 3; index++) {
      const batch = leader.seal(ticker(), ticker());
      expect(takeAll(cursor)).toEqual([batch]);
      expect([cursor.isCaughtUp, cursor.lagBytes, cursor.position]).toEqual([
        true,
        0,
        { epoch: 5, offset: batch.next - 1 },
      ]);
    }
  });

  test('[SNP1] begins with a snapshot at a batch boundary when it has nothing', () => {
    const leader = leading();
    leader.seal(ticker('A/KRW'), ticker('B/KRW'));
    const cursor = cursorAt(leader, null);
    expect(cursor.isCaughtUp).toBe(false);
    expect(summary(takeAll(cursor))).toEqual(['snapshot initial 5:2']);
    leader.seal(trade());
    expect(summary(takeAll(cursor))).toEqual(['batch 5:3–3']);
  });

  test('[SNP1] waits while the log itself knows nothing, and loses nothing by it', () => {
    const log = new StreamLog();
    const cursors = [new StreamCursor(log, null, 'full'), new StreamCursor(log, { epoch: 0, offset: 0 }, 'full')];
    expect(cursors.map(cursor => [cursor.take(), cursor.isCaughtUp])).toEqual([
      [null, false],
      [null, false],
    ]);
    log.reset({ epoch: 5, offset: 9 }, 5, [], [ticker()]);
    expect(cursors.map(cursor => summary(takeAll(cursor)))).toEqual([
      ['snapshot initial 5:9'],
      ['snapshot initial 5:9'],
    ]);
  });

  test('[RES1] resumes behind a log that knew nothing yet when the session began', () => {
    const log = new StreamLog();
    const cursor = new StreamCursor(log, { epoch: 5, offset: 9 }, 'full');
    expect([cursor.take(), cursor.position]).toEqual([null, { epoch: 0, offset: 0 }]);
    log.reset({ epoch: 5, offset: 9 }, 5, [], [ticker()]);
    expect(takeAll(cursor)).toEqual([]);
    expect(cursor.position).toEqual({ epoch: 5, offset: 9 });
  });
});

describe('a reader that lags', () => {
  test('[CNF1] gets everything it lacks in one merged batch: every trade, the last of each key', () => {
    const leader = leading();
    const cursor = cursorAt(leader, { epoch: 5, offset: 0 });
    for (let index = 0; index < 10; index++) leader.seal(ticker('A/KRW', { last: String(index) }), trade());
    expect(cursor.lagBytes).toBe(leader.log.ring.bytes);
    const [merged, ...more] = takeAll(cursor);
    expect(more).toEqual([]);
    expect(merged).toMatchObject({ first: 1, next: 21, lineage: [] });
    const events = merged?.type === 'batch' ? merged.events : [];
    expect(events.map(event => event.type)).toEqual([...Array(9).fill('trade'), 'ticker', 'trade']);
  });

  test('[CNF1] never one across epochs', () => {
    const leader = leading();
    const cursor = cursorAt(leader, { epoch: 5, offset: 0 });
    leader.seal(trade());
    leader.seal(trade());
    leader.beginEpoch(6);
    leader.seal(trade());
    leader.seal(trade());
    const messages = takeAll(cursor);
    expect(summary(messages)).toEqual(['batch 5:1–2', 'batch 6:1–2']);
    expect(messages[1]).toMatchObject({ lineage: [{ epoch: 5, end: 2 }] });
  });

  test('[CUT1] an empty cut of what was sealed still covers its offsets', () => {
    const leader = leading();
    const cursor = cursorAt(leader, { epoch: 5, offset: 0 }, 'lite');
    leader.seal(orderBook());
    leader.seal(orderBook());
    expect(takeAll(cursor)).toMatchObject([{ first: 1, next: 3, events: [] }]);
  });

  test('[SNP1] a batch beyond the bound travels in parts, and the position advances after the last', () => {
    const leader = leading();
    const cursor = cursorAt(leader, { epoch: 5, offset: 0 });
    leader.seal(...large());
    cursor.take();
    expect([cursor.position, cursor.isCaughtUp]).toEqual([{ epoch: 5, offset: 0 }, false]);
    expect(summary(takeAll(cursor))).toEqual(['batch 5:1–1600 2/2']);
    expect(cursor.position).toEqual({ epoch: 5, offset: 1600 });
  });

  test('[GAP1] is told when history has moved on without it', () => {
    const leader = leading(new StreamLog({ maxAgeMs: 1_000, maxBytes: 1_000 }));
    leader.seal(trade());
    const cursor = cursorAt(leader, { epoch: 5, offset: 1 });
    for (let index = 0; index < 10; index++) leader.seal(trade(), trade());
    expect(summary(takeAll(cursor))).toEqual(['snapshot lost 5:21']);
    leader.seal(trade());
    expect(summary(takeAll(cursor))).toEqual(['batch 5:22–22']);
  });

  test('[GAP1] finishes what is on its way before it is told that more was lost', () => {
    const leader = leading(new StreamLog({ maxAgeMs: 1_000, maxBytes: 500_000 }));
    const cursor = cursorAt(leader, { epoch: 5, offset: 0 });
    leader.seal(...large());
    cursor.take();
    for (let index = 0; index < 3; index++) leader.seal(...large());
    expect(summary(takeAll(cursor))).toEqual(['batch 5:1–1600 2/2', 'snapshot lost 5:6400']);
  });

  test('[GAP1] whose first snapshot was never finished has lost nothing', () => {
    const leader = leading();
    for (const event of large()) leader.seal(ticker(event.symbol ?? ''));
    const cursor = cursorAt(leader, null);
    cursor.take();
    cursor.loseBacklog();
    expect(summary(takeAll(cursor))[0]).toMatch(/^snapshot initial 5:1600 1\//);
  });

  test('[SLO1] begins anew with a snapshot that says so', () => {
    const leader = leading();
    const cursor = cursorAt(leader, { epoch: 5, offset: 0 });
    leader.seal(ticker());
    cursor.loseBacklog();
    cursor.loseBacklog();
    expect(summary(takeAll(cursor))).toEqual(['snapshot lost 5:1']);
  });

  test('[EPO1] that was owed a diverged snapshot gets that one, however late', () => {
    const leader = leading();
    leader.seal(trade());
    leader.beginEpoch(6);
    const cursor = cursorAt(leader, { epoch: 5, offset: 3 });
    cursor.loseBacklog();
    expect(summary(takeAll(cursor))).toEqual(['snapshot diverged 6:0']);
  });
});

describe('a log that begins anew', () => {
  test('[RES1] a reader that had come as far goes on without a word', () => {
    const leader = leading();
    leader.seal(trade());
    const cursor = cursorAt(leader, { epoch: 5, offset: 1 });
    leader.log.reset({ epoch: 5, offset: 1 }, 5, [], []);
    leader.seal(trade());
    expect(summary(takeAll(cursor))).toEqual(['batch 5:2–2']);
  });

  test('[GAP1] one that had not is told, once', () => {
    const leader = leading();
    const cursor = cursorAt(leader, { epoch: 5, offset: 0 });
    leader.seal(...large());
    cursor.take();
    leader.log.reset({ epoch: 5, offset: 9_000 }, 5, [], [ticker()]);
    leader.log.reset({ epoch: 5, offset: 9_500 }, 5, [], [ticker()]);
    expect(summary(takeAll(cursor))).toEqual(['snapshot lost 5:9500']);
  });
});

describe('[HB1] a reader that is ahead of the log', () => {
  test('is told the log’s own position, and what follows that', () => {
    const leader = leading();
    leader.seal(trade(), trade());
    const cursor = cursorAt(leader, { epoch: 5, offset: 4 });
    expect([cursor.take(), cursor.position]).toEqual([null, { epoch: 5, offset: 2 }]);
    leader.seal(trade());
    expect(summary(takeAll(cursor))).toEqual(['batch 5:3–3']);
    expect(cursor.position).toEqual({ epoch: 5, offset: 3 });
    leader.log.reset({ epoch: 5, offset: 4 }, 5, [], []);
    expect(takeAll(cursor)).toEqual([]);
  });
});

test('readers that come back to different places share all but their first merge', () => {
  const leader = leading();
  for (let index = 0; index < 30; index++) leader.seal(...large());
  const [one, other] = [0, 3 * 1_600].map(offset => {
    const cursor = cursorAt(leader, { epoch: 5, offset });
    const texts: string[] = [];
    for (let text = cursor.take(); text !== null; text = cursor.take()) texts.push(text);
    return texts;
  });
  const shared = other!.filter(text => one!.includes(text));
  expect(shared.length).toBeGreaterThan(other!.length / 2);
});

test('readers that lag together share one merged text', () => {
  const leader = leading();
  const cursors = Array.from({ length: 3 }, () => cursorAt(leader, { epoch: 5, offset: 0 }));
  leader.seal(ticker());
  leader.seal(trade());
  const [first, ...others] = cursors.map(cursor => cursor.take());
  for (const other of others) expect(Object.is(other, first)).toBe(true);
});

test('readers that lag from one place and are served at different times get what there is then', () => {
  const leader = leading();
  const cursors = Array.from({ length: 2 }, () => cursorAt(leader, { epoch: 5, offset: 0 }));
  for (const [index, cursor] of cursors.entries()) {
    leader.seal(trade());
    leader.seal(trade());
    expect(summary(takeAll(cursor))).toEqual([`batch 5:1–${2 * index + 2}`]);
  }
});

describe('a sink, which takes whole units', () => {
  const take = (cursor: StreamCursor) => {
    const unit = cursor.takeUnit();
    if (unit === null) return null;
    const decoded = unit.messages.map(text => decodeMessage(text));
    expect(decoded.every(({ ok }) => ok)).toBe(true);
    return { ...unit, summary: summary(decoded.map(result => (result as { message: ServerMessage }).message)) };
  };

  test('[CNF1] gets everything it lacks of one epoch as one batch, and then of the next', () => {
    const leader = leading();
    const cursor = cursorAt(leader, { epoch: 5, offset: 0 });
    leader.seal(ticker(), trade());
    leader.seal(ticker());
    leader.beginEpoch(6);
    leader.seal(trade());
    expect(take(cursor)).toMatchObject({ position: { epoch: 5, offset: 3 }, snapshot: null, summary: ['batch 5:1–3'] });
    expect(take(cursor)).toMatchObject({ position: { epoch: 6, offset: 1 }, snapshot: null, summary: ['batch 6:1–1'] });
    expect([take(cursor), cursor.isCaughtUp, cursor.position]).toEqual([null, true, { epoch: 6, offset: 1 }]);
  });

  test('[SNP1] gets all parts of a large one in one piece, and only the rest of one that was begun', () => {
    const leader = leading();
    const [whole, begun] = [cursorAt(leader, { epoch: 5, offset: 0 }), cursorAt(leader, { epoch: 5, offset: 0 })];
    leader.seal(...large());
    const { summary: all } = take(whole)!;
    expect(all.length).toBeGreaterThan(1);
    begun.take();
    expect(take(begun)!.summary).toEqual(all.slice(1));
    expect([begun.isCaughtUp, begun.position]).toEqual([true, { epoch: 5, offset: 1_600 }]);
  });

  test('[GAP1] is told when what it gets is latest state instead of what follows', () => {
    const leader = leading(new StreamLog({ maxAgeMs: 60_000, maxBytes: 1 }));
    leader.seal(ticker());
    const cursor = cursorAt(leader, { epoch: 5, offset: 1 });
    leader.seal(ticker());
    leader.seal(ticker());
    expect(take(cursor)).toMatchObject({ snapshot: 'lost', position: { epoch: 5, offset: 3 } });
    expect(take(cursor)).toBeNull();
  });
});
