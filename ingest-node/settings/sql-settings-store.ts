import { type Kysely, sql, type Transaction } from 'kysely';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { migrate } from './migrations.ts';
import type { SettingsDatabase, SettingsSchema } from './schema.ts';
import {
  fitsColumns,
  instrumentOfRow,
  rowOfInstrument,
  rowsOfSettings,
  type SettingsRows,
  settingsOfRows,
} from './settings-rows.ts';
import type {
  AuditRecord,
  LeaderWriteResult,
  SettingsStore,
  SettingsWrite,
  SettingsWriteResult,
  StoredSettings,
  TermRecord,
} from './settings-store.ts';
import { FENCE_ROW, HIGHEST_NUMBER, restoreSingleRow } from './single-rows.ts';

type Db = Kysely<SettingsSchema>;

/** Rows of one statement: far below what either database takes, and short enough for an event loop. */
const ROWS_AT_ONCE = 200;

/** {@link SettingsStore} in SQL: the same queries on both databases, but for what happens to a row that exists. */
export class SqlSettingsStore implements SettingsStore {
  readonly #database: SettingsDatabase;
  readonly #db: Db;
  readonly #now: () => EpochMillis;

  constructor(database: SettingsDatabase, now: () => EpochMillis) {
    this.#database = database;
    this.#db = database.db;
    this.#now = now;
  }

  async migrate(): Promise<void> {
    await migrate(this.#database, this.#now);
  }

  version(): Promise<number> {
    return readVersion(this.#db);
  }

  /** In one transaction: version and rows belong together. */
  async read(): Promise<StoredSettings> {
    return this.#db.transaction().execute(async db => {
      const version = await readVersion(db);
      const rows = {
        exchange_settings: await db.selectFrom('exchange_settings').selectAll().execute(),
        exchange_markets: await db.selectFrom('exchange_markets').selectAll().execute(),
        exchange_channels: await db.selectFrom('exchange_channels').selectAll().execute(),
        switches: await db.selectFrom('switches').selectAll().execute(),
      };
      return { version, ...settingsOfRows(rows) };
    });
  }

  async write({ expectedVersion, settings, audit }: SettingsWrite): Promise<SettingsWriteResult> {
    const version = expectedVersion + 1;
    return this.#db.transaction().execute(async db => {
      // First of all, so that the row's lock makes others wait before they read.
      const raised = await db
        .updateTable('settings_version')
        .set({ version })
        .where('id', '=', 1)
        .where('version', '=', expectedVersion)
        .executeTakeFirst();
      if (raised.numUpdatedRows === 0n) return { ok: false };
      await replaceRows(db, rowsOfSettings(settings));
      const { time, who, node, subject, before, after } = audit;
      // An older record can only be there when somebody has set the version back by hand.
      await db.deleteFrom('audit').where('version', '=', version).execute();
      await db
        .insertInto('audit')
        .values({ version, changed_time: time, who, node, subject, before_json: before, after_json: after })
        .execute();
      return { ok: true, version };
    });
  }

  async audit(limit: number): Promise<readonly AuditRecord[]> {
    const rows = await this.#db
      .selectFrom('audit')
      .selectAll()
      .where('version', '<=', HIGHEST_NUMBER)
      .orderBy('version', 'desc')
      .limit(limit)
      .execute();
    return rows.map(({ version, changed_time: time, who, node, subject, before_json: before, after_json: after }) => ({
      version,
      time,
      who,
      node,
      subject,
      before,
      after,
    }));
  }

  beginTerm({ epoch, node, from }: Omit<TermRecord, 'until'>): Promise<LeaderWriteResult> {
    return this.#asLeader(epoch, async db => {
      await db
        .updateTable('leadership')
        .set({ until_time: from })
        .where('until_time', 'is', null)
        .where('epoch', '<', epoch)
        .execute();
      // Said again after a lost answer, it must not fail.
      await db.deleteFrom('leadership').where('epoch', '=', epoch).execute();
      await db.insertInto('leadership').values({ epoch, node, from_time: from, until_time: null }).execute();
    });
  }

  endTerm(epoch: number, until: EpochMillis): Promise<LeaderWriteResult> {
    return this.#asLeader(epoch, async db => {
      await db
        .updateTable('leadership')
        .set({ until_time: until })
        .where('epoch', '=', epoch)
        .where('until_time', 'is', null)
        .execute();
    });
  }

  async terms(limit: number): Promise<readonly TermRecord[]> {
    const rows = await this.#db
      .selectFrom('leadership')
      .selectAll()
      .where('epoch', '<=', HIGHEST_NUMBER)
      .orderBy('epoch', 'desc')
      .limit(limit)
      .execute();
    return rows.map(({ epoch, node, from_time: from, until_time: until }) => ({ epoch, node, from, until }));
  }

  async highestEpoch(): Promise<number> {
    const highestIn = async (table: 'leadership' | 'leadership_fence') => {
      const row = await this.#db
        .selectFrom(table)
        .select(({ fn }) => fn.max('epoch').as('epoch'))
        .where('epoch', '<=', HIGHEST_NUMBER)
        .executeTakeFirst();
      return row?.epoch ?? 0;
    };
    return Math.max(await highestIn('leadership'), await highestIn('leadership_fence'));
  }

  saveInstruments(epoch: number, instruments: readonly Instrument[]): Promise<LeaderWriteResult> {
    return this.#asLeader(epoch, async db => {
      for (const chunk of chunks(instruments.filter(fitsColumns))) await this.#upsert(db, chunk);
    });
  }

  delistUnseen(epoch: number, exchange: ExchangeName, before: EpochMillis): Promise<LeaderWriteResult> {
    return this.#asLeader(epoch, async db => {
      await db
        .updateTable('instruments')
        .set({ status: 'delisted' })
        .where('exchange', '=', exchange)
        .where('last_seen', '<', before)
        .where('status', '<>', 'delisted')
        .execute();
    });
  }

  async instruments(): Promise<{ readonly instruments: readonly Instrument[]; readonly faults: readonly string[] }> {
    const rows = await this.#db.selectFrom('instruments').selectAll().execute();
    const read = rows.map(instrumentOfRow);
    return {
      instruments: read.filter(one => typeof one !== 'string'),
      faults: read.filter(one => typeof one === 'string'),
    };
  }

  close(): Promise<void> {
    return this.#db.destroy();
  }

  /** The check and the work in one transaction: the row's lock keeps a higher epoch from coming in between. */
  #asLeader(epoch: number, work: (db: Transaction<SettingsSchema>) => Promise<void>): Promise<LeaderWriteResult> {
    return this.#db.transaction().execute(async db => {
      if (!(await raiseFence(db, epoch))) {
        // Unless somebody has taken the row away or spoilt it.
        await restoreSingleRow(db, FENCE_ROW);
        if (!(await raiseFence(db, epoch))) return 'refused';
      }
      await work(db);
      return 'written';
    });
  }

  async #upsert(db: Db, instruments: readonly Instrument[]): Promise<void> {
    const insert = db.insertInto('instruments').values(instruments.map(rowOfInstrument));
    if (this.#database.kind === 'mysql') {
      const renewed = RENEWED.map(column => [column, sql`values(${sql.ref(column)})`] as const);
      await insert.onDuplicateKeyUpdate(Object.fromEntries(renewed)).execute();
    } else {
      const renewed = RENEWED.map(column => [column, sql.ref(`excluded.${column}`)] as const);
      await insert
        .onConflict(conflict => conflict.columns(['exchange', 'native_code']).doUpdateSet(Object.fromEntries(renewed)))
        .execute();
    }
  }
}

/** All but the key and the first sighting. */
const RENEWED = [
  'symbol',
  'base',
  'quote',
  'english_name',
  'korean_name',
  'tick_size',
  'lot_size',
  'status',
  'last_seen',
] as const;

async function readVersion(db: Db): Promise<number> {
  const row = await db.selectFrom('settings_version').select('version').where('id', '=', 1).executeTakeFirst();
  if (!(row !== undefined && Number.isInteger(row.version) && row.version >= 0 && row.version <= HIGHEST_NUMBER)) {
    throw new Error('the table settings_version holds no version: it should have one row with id 1');
  }
  return row.version;
}

async function raiseFence(db: Db, epoch: number): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('leadership_fence')
    .set({ epoch })
    .where('id', '=', 1)
    .where('epoch', '<=', epoch)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

async function replaceRows(db: Db, rows: SettingsRows): Promise<void> {
  await db.deleteFrom('exchange_settings').execute();
  for (const some of chunks(rows.exchange_settings)) await db.insertInto('exchange_settings').values(some).execute();
  await db.deleteFrom('exchange_markets').execute();
  for (const some of chunks(rows.exchange_markets)) await db.insertInto('exchange_markets').values(some).execute();
  await db.deleteFrom('exchange_channels').execute();
  for (const some of chunks(rows.exchange_channels)) await db.insertInto('exchange_channels').values(some).execute();
  await db.deleteFrom('switches').execute();
  for (const some of chunks(rows.switches)) await db.insertInto('switches').values(some).execute();
}

function* chunks<Row>(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) yield rows.slice(from, from + ROWS_AT_ONCE);
}
