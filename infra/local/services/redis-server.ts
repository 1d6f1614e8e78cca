import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { LOOPBACK } from './ports.ts';
import { findProgram, type ServerCommand } from './server-command.ts';

/** One Redis of ours. */
export interface RedisPlan {
  readonly directory: string;
  readonly port: number;
  readonly password: string;
  /** Whether every write is on disk before it is answered. Without it a restart finds Redis empty. */
  readonly keepsData: boolean;
}

const PROGRAMS = ['redis-server'];

/** What a machine lacks to run it; nothing when it can. */
export function missingForRedis(): string[] {
  return findProgram(PROGRAMS) === undefined ? PROGRAMS : [];
}

/** Writes the configuration and says how to run it. The password is in a file of the owner's: `ps` shows arguments. */
export function prepareRedis(plan: RedisPlan): ServerCommand {
  mkdirSync(plan.directory, { recursive: true, mode: 0o700 });
  const file = join(plan.directory, 'redis.conf');
  const lines = [
    `bind ${LOOPBACK}`,
    `port ${plan.port}`,
    `requirepass ${plan.password}`,
    `dir "${plan.directory}"`,
    'daemonize no',
    'save ""',
    `appendonly ${plan.keepsData ? 'yes' : 'no'}`,
    'appendfsync always',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  const program = findProgram(PROGRAMS) ?? 'redis-server';
  return { name: 'redis', program, args: [file], directory: plan.directory };
}

export function redisUrl(plan: Pick<RedisPlan, 'port' | 'password'>): string {
  return `redis://:${plan.password}@${LOOPBACK}:${plan.port}`;
}

/**
 * A round trip: connects, identifies itself, and hears PONG.
 * @returns the server's version
 * @throws what went wrong, in the client's or the server's words
 */
export async function askRedis(url: string, timeoutMs: number): Promise<string> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    disconnectTimeout: 1,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    enableOfflineQueue: false,
  });
  // The reason of a refused connection comes as an event; the rejection says only that it is closed.
  let reason: Error | null = null;
  client.on('error', error => {
    reason = error;
  });
  try {
    await client.connect();
    await client.ping();
    return /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? 'unknown';
  } catch (error) {
    throw reason ?? error;
  } finally {
    client.disconnect();
  }
}
