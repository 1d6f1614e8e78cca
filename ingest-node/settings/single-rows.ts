/**
 * Two tables hold one row each, and everything hangs on it. A row that a person took away or spoilt is made again from
 * what its history says, so that no version and no epoch comes twice.
 */
import { type Kysely, sql } from 'kysely';
import type { SettingsSchema } from './schema.ts';

type SingleRow = {
  readonly table: 'settings_version' | 'leadership_fence';
  readonly column: 'version' | 'epoch';
  readonly history: 'audit' | 'leadership';
  /** Beyond the highest that the history knows. */
  readonly beyond: number;
};

export const VERSION_ROW: SingleRow = { table: 'settings_version', column: 'version', history: 'audit', beyond: 1 };
export const FENCE_ROW: SingleRow = { table: 'leadership_fence', column: 'epoch', history: 'leadership', beyond: 0 };

/** Of versions and epochs; more is no number that JavaScript can count with, so somebody's mistake. */
export const HIGHEST_NUMBER = Number.MAX_SAFE_INTEGER - 1;

/** Makes the row when there is none, or none that makes sense; else it changes nothing. */
export async function restoreSingleRow(db: Kysely<SettingsSchema>, row: SingleRow): Promise<void> {
  const [table, column, history] = [sql.table(row.table), sql.ref(row.column), sql.table(row.history)];
  await sql`delete from ${table} where id = 1 and not (${column} between 0 and ${HIGHEST_NUMBER})`.execute(db);
  await sql`
    insert into ${table} (id, ${column})
    select 1, highest + ${row.beyond} from (
      select coalesce(max(${column}), 0) as highest from ${history} where ${column} between 0 and ${HIGHEST_NUMBER}
    ) as known
    where not exists (select 1 from ${table} where id = 1)`.execute(db);
}
