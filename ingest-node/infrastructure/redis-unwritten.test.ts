import { expect, test, vi } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { RedisSource } from '../../shared/stream/redis/redis-source.ts';
import { MemoryRedisConnection } from '../gateway/memory-redis-connection.ts';
import { MemoryStore } from '../gateway/memory-store.ts';
import { STREAM_SCRIPTS } from '../gateway/stream-scripts.ts';
import { RedisService } from './redis-service.ts';
import { LeadingPublisher } from './testing/redis-harness.ts';

/** A Redis that holds a stream, and a reader of it that has just come. */
async function readAfterLeader(onlyWhileWritten: boolean) {
  const clock = new ManualClock();
  const connection = new MemoryRedisConnection(new MemoryStore({ clock: systemClock, scripts: STREAM_SCRIPTS }));
  const leading = new RedisService({ connection, clock: systemClock, paceMs: 0 });
  const leader = new LeadingPublisher(leading);
  leader.beginEpoch(1_785_397_200);
  leader.seal(trade());
  expect(await leading.flush(5_000)).toBe(true);
  const said: string[] = [];
  const source = new RedisSource({ connection, clock, onlyWhileWritten });
  const stream = source.open(
    { position: null, cut: 'full' },
    { message: ({ type }) => said.push(type), closed: reason => said.push(`closed: ${reason}`) },
  );
  await clock.advanceAndSettle(0);
  return { clock, said, stream, leading };
}

test('[HB1] what nobody writes to any more is not shown as the present', async () => {
  const { clock, said } = await readAfterLeader(true);
  await clock.advanceAndSettle(1_499);
  expect(said).toEqual([]);
  await clock.advanceAndSettle(1);
  expect(said).toEqual(['closed: nobody has written to it for 1500 ms']);
  expect(clock.pending).toBe(0);
});

test('[HB1] a heartbeat is enough to show what is there', async () => {
  const { clock, said, stream, leading } = await readAfterLeader(true);
  await clock.advanceAndSettle(1_400);
  leading.heartbeat();
  await vi.waitUntil(() => said.length >= 3, { timeout: 5_000, interval: 2 });
  expect(said.slice(0, 3)).toEqual(['hello', 'snapshot', 'batch']);
  expect(clock.pending).toBe(0);
  stream.close();
});

test('whoever reads what a dead leader left is served at once', async () => {
  const { said, stream } = await readAfterLeader(false);
  expect(said).toEqual(['hello', 'snapshot', 'batch']);
  stream.close();
});
