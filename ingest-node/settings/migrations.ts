/**
 * The schema's history: each step is applied once, in order, while the others wait. Steps only add, so that an older node
 * goes on with a newer schema. Each statement may be repeated: MySQL cannot take back half a step, so it is done again.
 */
import { type Kysely, sql } from 'kysely';
import type { SettingsDatabase, SettingsSchema } from './schema.ts';
import { FENCE_ROW, restoreSingleRow, VERSION_ROW } from './single-rows.ts';

type Migration = { readonly id: number; readonly name: string; readonly statements: readonly string[] };

/** Both databases understand these types: SQLite by their names alone. `{options}` follows the columns of a table. */
const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    name: 'settings',
    statements: [
      `create table if not exists settings_version (id integer primary key, version bigint not null) {options}`,
      `create table if not exists exchange_settings (
         exchange varchar(32) primary key, is_enabled integer not null, market_rule varchar(16) not null) {options}`,
      `create table if not exists exchange_markets (
         exchange varchar(32) not null, symbol varchar(64) not null, primary key (exchange, symbol)) {options}`,
      `create table if not exists exchange_channels (
         exchange varchar(32) not null, channel varchar(32) not null, is_enabled integer not null,
         primary key (exchange, channel)) {options}`,
      `create table if not exists switches (name varchar(32) primary key, is_enabled integer not null) {options}`,
      `create table if not exists audit (
         version bigint primary key, changed_time double not null, who varchar(64) not null, node varchar(64) not null,
         subject varchar(64) not null, before_json longtext not null, after_json longtext not null) {options}`,
    ],
  },
  {
    id: 2,
    name: 'leadership',
    statements: [
      `create table if not exists leadership_fence (id integer primary key, epoch bigint not null) {options}`,
      `create table if not exists leadership (
         epoch bigint primary key, node varchar(64) not null, from_time double not null, until_time double) {options}`,
    ],
  },
  {
    id: 3,
    name: 'instruments',
    statements: [
      `create table if not exists instruments (
         exchange varchar(32) not null, native_code varchar(64) not null, symbol varchar(64) not null,
         base varchar(32) not null, quote varchar(32) not null,
         english_name varchar(255), korean_name varchar(255), tick_size varchar(64), lot_size varchar(64),
         status varchar(16) not null, first_seen double not null, last_seen double not null,
         primary key (exchange, native_code)) {options}`,
    ],
  },
];

/** Answers with the names of the steps that it applied. */
export async function migrate(database: SettingsDatabase, now: () => number): Promise<readonly string[]> {
  const applied: string[] = [];
  await database.withMigrationLock(async db => {
    const { tableOptions } = database;
    await run(
      db,
      `create table if not exists schema_migrations (
         id integer primary key, name varchar(64) not null, applied_time double not null) {options}`,
      tableOptions,
    );
    const done = await db.selectFrom('schema_migrations').select('id').execute();
    const doneIds = new Set(done.map(({ id }) => id));
    for (const { id, name, statements } of MIGRATIONS) {
      if (doneIds.has(id)) continue;
      for (const statement of statements) await run(db, statement, tableOptions);
      await db.insertInto('schema_migrations').values({ id, name, applied_time: now() }).execute();
      applied.push(name);
    }
    await restoreSingleRow(db, VERSION_ROW);
    await restoreSingleRow(db, FENCE_ROW);
  });
  return applied;
}

async function run(db: Kysely<SettingsSchema>, statement: string, tableOptions: string): Promise<void> {
  await sql.raw(statement.replace('{options}', tableOptions)).execute(db);
}
