import { describe, expect, test } from 'vitest';
import { ManualClock } from '../base/testing/manual-clock.ts';
import { ticker, trade } from '../model/testing/market-events.ts';
import type { Position } from '../wire/position.ts';
import { type CatchUpRequest, type CaughtUp, catchUp } from './catch-up.ts';
import { applyBatch, applySnapshot } from './followed-log.ts';
import { StreamLog } from './stream-log.ts';
import { MemorySource } from './testing/memory-source.ts';
import { Publisher } from './testing/publisher.ts';
import { ScriptedSource } from './testing/scripted-source.ts';

const at = (epoch: number, offset: number): Position => ({ epoch, offset });

function world() {
  const clock = new ManualClock();
  const publisher = new Publisher();
  publisher.beginEpoch(5);
  for (let index = 0; index < 5; index++) publisher.seal(trade(), ticker());
  const source = new MemorySource({ log: publisher.log, clock });
  const read = async (from: Position | null, to: Position, more: Partial<CatchUpRequest> = {}) => {
    const reading = catchUp({ source, from, to, withinMs: 300, clock, ...more });
    clock.advance(400);
    const caught = await reading;
    expect([source.sessions, clock.pending]).toEqual([0, 0]);
    return caught;
  };
  return { clock, publisher, source, read };
}

const ranges = ({ batches }: CaughtUp) => batches.map(({ epoch, first, next }) => `${epoch}:${first}–${next - 1}`);

describe('[EPO1] catching up on a path', () => {
  test('brings exactly what is missing, up to its goal', async () => {
    const { read } = world();
    const caught = await read(at(5, 4), at(5, 10));
    expect(caught).toMatchObject({ outcome: 'reached', snapshot: null, reason: null });
    expect(ranges(caught)).toEqual(['5:5–10']);
  });

  test('goes through the epochs between, so that a log can take it over and lead', async () => {
    const { publisher, read } = world();
    publisher.beginEpoch(6);
    publisher.seal(trade());
    publisher.beginEpoch(8);
    publisher.seal(trade(), trade());
    const caught = await read(at(5, 9), at(8, 2));
    expect(ranges(caught)).toEqual(['5:10–10', '6:1–1', '8:1–2']);
    const log = new StreamLog();
    log.reset(at(5, 9), 5, [], []);
    for (const batch of caught.batches) applyBatch(log, batch, 0);
    expect([log.position, log.lineage]).toEqual([at(8, 2), publisher.log.lineage]);
  });

  test('there is nothing to ask when the goal is reached already', async () => {
    const { source, read } = world();
    expect(await read(at(5, 10), at(5, 10))).toMatchObject({ outcome: 'reached', batches: [] });
    expect(source.requests).toEqual([]);
  });

  test.each([
    ['nothing is there yet', null, 'initial'],
    ['history does not reach back', at(3, 3), 'lost'],
  ])('%s: the snapshot stands in, and says why', async (_, from, reason) => {
    const { publisher, read } = world();
    publisher.beginEpoch(6);
    publisher.seal(ticker());
    const caught = await read(from, at(6, 1));
    expect(caught).toMatchObject({ outcome: 'reached', batches: [], snapshot: { reason, position: at(6, 1) } });
    const log = new StreamLog();
    applySnapshot(log, caught.snapshot!);
    expect([log.position, log.lineage]).toEqual([at(6, 1), [{ epoch: 5, end: 10 }]]);
  });

  test('it has diverged: the state at the beginning of the next epoch stands in, and all that followed', async () => {
    const { publisher, read } = world();
    publisher.beginEpoch(6);
    publisher.seal(ticker());
    const caught = await read(at(5, 99), at(6, 1));
    expect(caught).toMatchObject({ outcome: 'reached', snapshot: { reason: 'diverged', position: at(6, 0) } });
    expect(ranges(caught)).toEqual(['6:1–1']);
  });

  test('a snapshot below the goal is followed by what leads there', async () => {
    const source = new ScriptedSource('redis');
    source.atOnce = opening => {
      opening.hello(5, 8);
      opening.snapshot(5, 4, 'lost');
      opening.batch(5, 5, 7);
      opening.batch(5, 7, 9);
    };
    const caught = await catchUp({ source, from: at(5, 1), to: at(5, 8), withinMs: 300, clock: new ManualClock() });
    expect(caught).toMatchObject({ outcome: 'reached', snapshot: { position: at(5, 4), recovered: false } });
    expect(ranges(caught)).toEqual(['5:5–6', '5:7–8']);
    expect(source.isOpen).toBe(false);
  });

  test('a snapshot that is not wanted ends it', async () => {
    const { read } = world();
    const caught = await read(at(3, 3), at(5, 10), { takesSnapshot: false });
    expect(caught).toMatchObject({ outcome: 'failed', snapshot: { reason: 'lost' }, reason: 'memory: lost' });
  });
});

describe('catching up that does not get there', () => {
  test('late: what came is good as far as it goes', async () => {
    const { read } = world();
    const caught = await read(at(5, 4), at(5, 11));
    expect(caught).toMatchObject({ outcome: 'late', reason: 'memory: not within 300 ms' });
    expect(ranges(caught)).toEqual(['5:5–10']);
  });

  test('failed: the path ended, or shows a hole', async () => {
    const clock = new ManualClock();
    const source = new ScriptedSource('redis');
    source.atOnce = opening => {
      opening.batch(5, 5, 7);
      opening.end('connection refused');
    };
    const request = { source, from: at(5, 4), to: at(5, 9), withinMs: 300, clock };
    expect(await catchUp(request)).toMatchObject({ outcome: 'failed', reason: 'redis: connection refused' });
    source.atOnce = opening => {
      opening.batch(5, 5, 7);
      opening.batch(5, 8, 10);
    };
    const caught = await catchUp(request);
    expect(caught).toMatchObject({ outcome: 'failed', reason: 'redis: events are missing' });
    expect(ranges(caught)).toEqual(['5:5–6']);
    expect([source.isOpen, clock.pending]).toEqual([false, 0]);
  });

  test('[ORD2] what a deposed leader says is no part of it', async () => {
    const clock = new ManualClock();
    const source = new ScriptedSource('redis');
    source.atOnce = opening => {
      opening.batch(5, 5, 7, { writer: 9 });
      opening.batch(5, 7, 10);
      opening.batch(5, 7, 9, { writer: 9 });
    };
    const caught = await catchUp({ source, from: at(5, 4), to: at(5, 8), withinMs: 300, clock });
    expect(caught.batches.map(({ next, writer }) => [next, writer])).toEqual([
      [7, 9],
      [9, 9],
    ]);
  });

  test('tooMuch: it is not hoarded without end', async () => {
    const { read } = world();
    expect(await read(at(5, 0), at(5, 99), { maxEvents: 3 })).toMatchObject({ outcome: 'tooMuch' });
  });
});
