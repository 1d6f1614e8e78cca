import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { numberedTrade } from '../../shared/model/testing/market-events.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { MemorySource } from '../../shared/stream/testing/memory-source.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import type { Position } from '../../shared/wire/position.ts';
import { readRecentPast } from './recent-past.ts';

/** A node whose history reaches back 60 s. */
function world() {
  const clock = new ManualClock();
  const log = new StreamLog({ maxAgeMs: 60_000, maxBytes: 64 * 1024 * 1024 });
  const publisher = new Publisher(log, () => clock.monotonic());
  const source = new MemorySource({ name: 'redis', log, clock });
  const read = async (sources: readonly MemorySource[] = [source]) => {
    const { position: head, lineage } = log;
    const reading = readRecentPast({ sources, head, lineage, withinMs: 1_500, clock });
    await clock.advanceAndSettle(2_000);
    const batches = await reading;
    return batches.flatMap(({ events }) => events.flatMap(event => (event.type === 'trade' ? [Number(event.id)] : [])));
  };
  return { clock, log, publisher, source, read };
}

test('[TRD1] across the epochs that history holds, up to where the reader stands', async () => {
  const { publisher, read } = world();
  publisher.beginEpoch(5);
  for (const id of [1, 2]) publisher.seal(numberedTrade(id));
  publisher.beginEpoch(6);
  publisher.seal(numberedTrade(3));
  expect(await read()).toEqual([1, 2, 3]);
});

test('[TRD1] of a long epoch as much as is there, or somewhat less', async () => {
  const { clock, publisher, read } = world();
  publisher.beginEpoch(5);
  for (let second = 0; second < 100; second++) {
    for (let count = 0; count < 50; count++) publisher.seal(numberedTrade(second * 50 + count));
    clock.advance(1_000);
  }
  const ids = await read();
  expect(ids).toEqual(Array.from({ length: ids.length }, (_, index) => 5_000 - ids.length + index));
  expect(ids.length).toBe(2_000);
});

test('[TRD1] a path that may hold hours is asked for a minute of all markets, then for less', async () => {
  const asked: (Position | null)[] = [];
  const source: StreamSource = {
    name: 'hours',
    open: ({ position }, sink) => {
      asked.push(position);
      sink.closed('not that far', 'reconnect');
      return { close: () => {} };
    },
  };
  const head = { epoch: 7, offset: 6_000 };
  const lineage = [
    { epoch: 5, end: 1_000_000 },
    { epoch: 6, end: 50_000 },
  ];
  const clock = new ManualClock();
  expect(await readRecentPast({ sources: [source], head, lineage, withinMs: 1_500, clock })).toEqual([]);
  expect(asked.slice(0, 4)).toEqual([
    { epoch: 5, offset: 800_000 },
    { epoch: 5, offset: 928_000 },
    { epoch: 5, offset: 992_000 },
    { epoch: 6, offset: 24_000 },
  ]);
  expect(asked.at(-1)).toEqual({ epoch: 7, offset: 5_500 });
});

test('a path that is silent or has nothing makes room for the next, within the time', async () => {
  const { clock, log, publisher, source, read } = world();
  publisher.beginEpoch(5);
  publisher.seal(numberedTrade(1));
  const away = new MemorySource({ name: 'away', log, clock });
  away.refusal = { reason: 'down', verdict: 'reconnect' };
  expect(await read([away, source])).toEqual([1]);
  const silent = new MemorySource({ name: 'silent', log, clock });
  silent.latencyMs = 10_000;
  expect(await read([silent])).toEqual([]);
});

test('a path that is written no more is given up soon: what it holds is of another time', async () => {
  const { clock, log, publisher, source } = world();
  const before = new StreamLog({ maxAgeMs: 60_000, maxBytes: 1_000_000 });
  const formerly = new Publisher(before, () => clock.monotonic());
  formerly.beginEpoch(3);
  formerly.seal(numberedTrade(9));
  const batches = [before.ring.at(before.ring.end - 1)!.batch];
  const left: StreamSource = {
    name: 'left behind',
    open: () => expect.unreachable('its history has been read'),
    history: async after => (after === null ? batches : []),
  };
  const silent = new MemorySource({ name: 'silent', log, clock, latencyMs: 60_000 });
  publisher.beginEpoch(5);
  publisher.seal(numberedTrade(1));
  const { position: head, lineage } = log;
  let read: readonly string[] | null = null;
  void readRecentPast({ sources: [left, silent, source], head, lineage, withinMs: 20_000, clock }).then(past => {
    read = past.flatMap(({ events }) => events.flatMap(event => (event.type === 'trade' ? [event.id] : [])));
  });
  // A leader that hands over waits ten.
  for (let waitedMs = 0; waitedMs < 6_000; waitedMs += 20) await clock.advanceAndSettle(20);
  expect(read).toEqual(['1']);
});
