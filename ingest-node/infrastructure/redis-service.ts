import type { Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';
import type { RedisConnection } from '../../shared/stream/redis/redis-connection.ts';
import { probeRedis } from '../../shared/stream/redis/redis-probe.ts';
import { RedisSource } from '../../shared/stream/redis/redis-source.ts';
import { RedisWriter } from './redis-writer.ts';
import { RoundTrips } from './round-trips.ts';
import { noting, StoredService } from './stored-service.ts';

export type RedisServiceOptions = {
  /** Stopped with the service. */
  readonly connection: RedisConnection;
  readonly clock: Clock;
  /** Least time between two writes; Upstash bills per command. */
  readonly paceMs?: number;
  readonly snapshotIntervalMs?: number;
  readonly random?: () => number;
};

/** A probe is tiny, so it need not have as long as a command may take. */
const PROBE_WITHIN_MS = 800;

/** The stream through a Redis, however that is reached. */
export class RedisService extends StoredService {
  constructor({
    connection,
    clock,
    paceMs = 50,
    snapshotIntervalMs = 20_000,
    random = Math.random,
  }: RedisServiceOptions) {
    const trips = new RoundTrips(clock);
    const onFault = noting(trips);
    const measured: RedisConnection = {
      name: connection.name,
      command: (...words) => trips.run(() => connection.command(...words)),
      subscribe: (channel, sink) => connection.subscribe(channel, sink),
      stop: () => connection.stop(),
    };
    super({
      name: 'redis',
      source: new RedisSource({ connection: measured, clock, onFault }),
      writer: new RedisWriter(measured, onFault),
      trips,
      ping: () => trips.run(() => within(probeRedis(connection), PROBE_WITHIN_MS, clock)),
      close: () => connection.stop(),
      clock,
      paceMs,
      snapshotIntervalMs,
      random,
    });
  }
}
