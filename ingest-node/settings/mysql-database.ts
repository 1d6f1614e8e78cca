/**
 * MySQL 8 or MariaDB 10.6 and later. Nothing waits without a bound: not for a connection, not in the pool's queue, not
 * for an answer. A connection whose answer did not come in time is thrown away, because the next one to use it would wait for
 * that answer too.
 */
import { Kysely, MysqlDialect, type MysqlPool, type MysqlPoolConnection, type MysqlQueryResult, sql } from 'kysely';
import { createPool, type Pool, type PoolConnection } from 'mysql2';
import type { SettingsDatabase, SettingsSchema } from './schema.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const QUERY_TIMEOUT_MS = 3_000;
const LOCK_PATIENCE_MS = 15_000;
/** `GET_LOCK` knows whole seconds, and must answer within the timeout of a query. */
const LOCK_WAIT_SECONDS = 1;

type QueryCallback = (error: unknown, result: MysqlQueryResult) => void;

/** @param url `mysql://user:password@host:3306/database` */
export function openMysqlDatabase(url: string): SettingsDatabase {
  const pool = createPool({
    uri: url,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionLimit: 4,
    queueLimit: 64,
    enableKeepAlive: true,
    charset: 'utf8mb4',
  });
  const db = new Kysely<SettingsSchema>({ dialect: new MysqlDialect({ pool: new BoundedPool(pool) }) });
  return {
    kind: 'mysql',
    db,
    tableOptions: 'engine = InnoDB default character set utf8mb4 collate utf8mb4_bin',
    withMigrationLock: work =>
      db.connection().execute(async connection => {
        await takeLock(connection);
        try {
          await work(connection);
        } finally {
          // Without it the lock ends with the connection, which goes when it cannot answer.
          await sql`select release_lock(${LOCK_NAME})`.execute(connection).catch(() => {});
        }
      }),
  };
}

/** Locks belong to the server and not to a database, so the name says which one. */
const LOCK_NAME = sql`concat('exchange-settings:', left(md5(database()), 32))`;

async function takeLock(connection: Kysely<SettingsSchema>): Promise<void> {
  for (const deadline = performance.now() + LOCK_PATIENCE_MS; performance.now() < deadline; ) {
    const { rows } = await sql<{ taken: number | null }>`
      select get_lock(${LOCK_NAME}, ${LOCK_WAIT_SECONDS}) as taken`.execute(connection);
    if (rows[0]?.taken === 1) return;
  }
  throw new Error(`another node has been changing the schema for ${LOCK_PATIENCE_MS / 1_000} s`);
}

/** The pool as the query builder sees it, with a time limit on every query. */
class BoundedPool implements MysqlPool {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  getConnection(callback: (error: unknown, connection: MysqlPoolConnection) => void): void {
    this.#pool.getConnection((error, connection) => {
      // An error comes without a connection, and nobody looks at it then.
      callback(error, error === null ? boundedConnection(connection) : (connection as never));
    });
  }

  end(callback: (error: unknown) => void): void {
    this.#pool.end(callback);
  }
}

function boundedConnection(connection: PoolConnection): MysqlPoolConnection {
  return {
    config: connection.config,
    threadId: connection.threadId,
    connect: () => {},
    destroy: () => connection.destroy(),
    release: () => connection.release(),
    query: (text: string, values: readonly unknown[], callback?: QueryCallback) => {
      connection.query({ sql: text, values: [...values], timeout: QUERY_TIMEOUT_MS }, (error, result) => {
        if (error?.code === 'PROTOCOL_SEQUENCE_TIMEOUT') connection.destroy();
        callback?.(error, result as unknown as MysqlQueryResult);
      });
      return { stream: noStream };
    },
  };
}

function noStream(): never {
  throw new Error('settings are never streamed');
}
