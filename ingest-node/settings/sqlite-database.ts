/**
 * The embedded database: one file, through `node:sqlite`. Its calls are synchronous, so whoever writes much does so in
 * small pieces. The write-ahead log keeps a commit from waiting for the disk and readers from waiting for a writer.
 */
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { Kysely, type SqliteDatabase, SqliteDialect, sql } from 'kysely';
import type { SettingsDatabase, SettingsSchema } from './schema.ts';

/** Another program may hold the file for a moment. Longer, and the event loop would stand still for it. */
const BUSY_TIMEOUT_MS = 100;
const LOCK_PATIENCE_MS = 10_000;
const LOCK_RETRY_MS = 25;

export function openSqliteDatabase(path: string): SettingsDatabase {
  const db = new Kysely<SettingsSchema>({ dialect: new SqliteDialect({ database: new LazySqlite(path) }) });
  return {
    kind: 'sqlite',
    db,
    tableOptions: '',
    withMigrationLock: work =>
      db.connection().execute(async connection => {
        await beginAlone(connection);
        try {
          await work(connection);
          await sql`commit`.execute(connection);
        } catch (error) {
          await sql`rollback`.execute(connection).catch(() => {});
          throw error;
        }
      }),
  };
}

/** Schema changes are part of the transaction: whoever holds the write lock is alone with them. */
async function beginAlone(connection: Kysely<SettingsSchema>): Promise<void> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      await sql`begin immediate`.execute(connection);
      return;
    } catch (error) {
      if (!/is locked/.test(String(error)) || performance.now() > deadline) throw error;
      await new Promise(resolve => setTimeout(resolve, LOCK_RETRY_MS));
    }
  }
}

/** Opened at the first query, and again after a failure: a folder that comes late is no reason to end. */
class LazySqlite implements SqliteDatabase {
  readonly #path: string;
  #file: DatabaseSync | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  prepare(text: string) {
    const statement = this.#open().prepare(text);
    // Otherwise one number beyond what JavaScript counts exactly makes the whole answer fail.
    statement.setReadBigInts(true);
    return {
      reader: statement.columns().length > 0,
      all: (parameters: readonly unknown[]) => statement.all(...inputs(parameters)).map(withNumbers),
      run: (parameters: readonly unknown[]) => statement.run(...inputs(parameters)),
      iterate: (parameters: readonly unknown[]): ReturnType<StatementSync['iterate']> =>
        statement.iterate(...inputs(parameters)),
    };
  }

  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  #open(): DatabaseSync {
    if (this.#file !== null) return this.#file;
    const file = new DatabaseSync(this.#path, { timeout: BUSY_TIMEOUT_MS });
    try {
      file.exec('pragma journal_mode = wal; pragma synchronous = normal');
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file = file;
    return file;
  }
}

/** A number beyond the exact ones stays far beyond them, which is what whoever reads it looks for. */
function withNumbers(row: Record<string, SQLOutputValue>): Record<string, SQLOutputValue> {
  for (const [column, value] of Object.entries(row)) if (typeof value === 'bigint') row[column] = Number(value);
  return row;
}

/** The query builder hands over what the queries were given, and those give text, numbers and `null` only. */
function inputs(parameters: readonly unknown[]): SQLInputValue[] {
  return parameters as SQLInputValue[];
}
