import { type RedisConnection, RedisRefusal } from './redis-connection.ts';

/**
 * Asks a Redis whether it takes what is written: one that has no room left answers PING, and whoever only reads would call
 * it up while nothing new arrives there. It changes nothing, for there is no such key, and is refused as every write is.
 */
export async function probeRedis(connection: RedisConnection): Promise<void> {
  await connection.command('SET', 'exchange.probe', '', 'XX');
}

/** The same for a reader: an account that may not write hears NOPERM, which says that Redis was reached, and no more. */
export function probeAsReader(connection: RedisConnection): Promise<void> {
  return probeRedis(connection).catch((error: unknown) => {
    if (!(error instanceof RedisRefusal) || !error.message.includes('NOPERM')) throw error;
  });
}
