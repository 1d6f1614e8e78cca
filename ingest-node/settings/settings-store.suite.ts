/** What every settings store promises (`settings-store.ts`), run against each of them. */
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { SettingsDatabase } from './schema.ts';
import { DEFAULT_SETTINGS, type Settings } from './settings.ts';
import { SqlSettingsStore } from './sql-settings-store.ts';

/** Opens the same empty database each time it is called, until `reset` makes another one. */
export type DatabaseUnderTest = {
  reset(): Promise<void>;
  open(): SettingsDatabase;
};

const UPBIT_WITHOUT_XRP: Settings = {
  exchanges: {
    ...DEFAULT_SETTINGS.exchanges,
    upbit: {
      enabled: true,
      markets: { except: ['DOGE/KRW', 'XRP/KRW'] },
      channels: { trade: true, ticker: true, quote: false, orderBook: true, candle: false },
    },
    coinone: { ...DEFAULT_SETTINGS.exchanges.coinone, enabled: false, markets: { only: [] } },
  },
  switches: { kafka: false, redis: true },
};

const AUDIT = {
  time: 1_790_000_000_123.25,
  who: '운영자',
  node: 'node-1',
  subject: 'settings',
  before: '1',
  after: '2',
};

const AUDIT_ROW = { changed_time: 1, who: '?', node: '?', subject: '?', before_json: '1', after_json: '2' };

const instrument = (nativeCode: string, change: Partial<Instrument> = {}): Instrument => ({
  exchange: 'upbit',
  nativeCode,
  symbol: `${nativeCode.slice(4)}/KRW`,
  base: nativeCode.slice(4),
  quote: 'KRW',
  englishName: 'Bitcoin',
  koreanName: '비트코인',
  tickSize: '0.00000001',
  lotSize: null,
  status: 'trading',
  firstSeen: 1_790_000_000_000.125,
  lastSeen: 1_790_000_000_000.125,
  ...change,
});

export function describeSettingsStore(under: DatabaseUnderTest): void {
  const opened: SqlSettingsStore[] = [];
  const open = () => {
    const database = under.open();
    const store = new SqlSettingsStore(database, Date.now);
    opened.push(store);
    return { store, db: database.db };
  };
  beforeEach(() => under.reset());
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  describe('migrations', () => {
    test('several nodes that start at once make one schema, each step once', async () => {
      const nodes = Array.from({ length: 6 }, open);
      await Promise.all(nodes.map(({ store }) => store.migrate()));
      const { db, store } = nodes[0]!;
      const steps = await db.selectFrom('schema_migrations').select(['id', 'name']).orderBy('id').execute();
      expect(steps.map(({ name }) => name)).toEqual(['settings', 'leadership', 'instruments']);
      expect(await Promise.all(nodes.map(node => node.store.version()))).toEqual(nodes.map(() => 1));
      const rows = await sql<{ count: number }>`select count(*) as count from settings_version`.execute(db);
      expect(rows.rows[0]?.count).toBe(1);
      expect(await store.read()).toEqual({ version: 1, settings: DEFAULT_SETTINGS, faults: [] });
    });

    test('while one node is at it the others wait, and go on when it is done, or has failed', async () => {
      const [some, other] = [under.open(), under.open()];
      const order: string[] = [];
      // Longer than MySQL is asked to wait at a time.
      const takesMs = 1_300;
      let isIn = () => {};
      const entered = new Promise<void>(resolve => {
        isIn = resolve;
      });
      const first = some.withMigrationLock(async () => {
        isIn();
        await new Promise(resolve => setTimeout(resolve, takesMs));
        order.push('first');
        throw new Error('half way');
      });
      await entered;
      const second = other.withMigrationLock(async () => {
        order.push('second');
      });
      await expect(first).rejects.toThrow('half way');
      await second;
      expect(order).toEqual(['first', 'second']);
      await Promise.all([some.db.destroy(), other.db.destroy()]);
    });

    test('a step that a crash left half done is done again, and nothing is lost by it', async () => {
      const { store, db } = open();
      await store.migrate();
      await store.write({ expectedVersion: 1, settings: UPBIT_WITHOUT_XRP, audit: AUDIT });
      await db.schema.dropTable('instruments').execute();
      await db.schema.dropTable('leadership').execute();
      await db.deleteFrom('schema_migrations').where('id', '>', 0).execute();
      await store.migrate();
      expect(await store.read()).toEqual({ version: 2, settings: UPBIT_WITHOUT_XRP, faults: [] });
      expect(await store.terms(10)).toEqual([]);
    });

    test('an older node goes on with a schema that has steps it does not know', async () => {
      const { store, db } = open();
      await store.migrate();
      await db.insertInto('schema_migrations').values({ id: 99, name: 'later', applied_time: 1 }).execute();
      await store.migrate();
      expect(await store.version()).toBe(1);
    });
  });

  describe('settings', () => {
    test('what is written is read back by another connection, with its audit record', async () => {
      const [some, other] = [open().store, open().store];
      await some.migrate();
      expect(await some.write({ expectedVersion: 1, settings: UPBIT_WITHOUT_XRP, audit: AUDIT })).toEqual({
        ok: true,
        version: 2,
      });
      expect(await other.read()).toEqual({ version: 2, settings: UPBIT_WITHOUT_XRP, faults: [] });
      expect(await other.audit(10)).toEqual([{ version: 2, ...AUDIT }]);
      await other.write({ expectedVersion: 2, settings: DEFAULT_SETTINGS, audit: { ...AUDIT, who: 'b' } });
      expect(await some.read()).toEqual({ version: 3, settings: DEFAULT_SETTINGS, faults: [] });
      expect((await some.audit(1)).map(({ who }) => who)).toEqual(['b']);
    });

    test('of those who change one version at once, one wins and the others changed nothing', async () => {
      const stores = Array.from({ length: 5 }, () => open().store);
      await stores[0]!.migrate();
      const write = (who: string, index: number) =>
        stores[index]!.write({ expectedVersion: 1, settings: UPBIT_WITHOUT_XRP, audit: { ...AUDIT, who } });
      // SQLite may say that it is busy, which is no win either.
      const results = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map(write));
      const winners = results.filter(result => result.status === 'fulfilled' && result.value.ok);
      expect(winners).toHaveLength(1);
      expect(await stores[0]!.version()).toBe(2);
      expect(await stores[0]!.audit(10)).toHaveLength(1);
    });

    test('a list of thousands of markets fits', async () => {
      const { store } = open();
      await store.migrate();
      const only = Array.from({ length: 2_500 }, (_, index) => `C${String(index).padStart(4, '0')}/USDT`);
      const binance = { ...DEFAULT_SETTINGS.exchanges.binance, markets: { only } };
      const settings = { ...DEFAULT_SETTINGS, exchanges: { ...DEFAULT_SETTINGS.exchanges, binance } };
      const audit = { ...AUDIT, after: JSON.stringify(settings).repeat(3) };
      await store.write({ expectedVersion: 1, settings, audit });
      expect((await store.read()).settings).toEqual(settings);
    });

    test('rows that make no sense are skipped and named, their neighbours count', async () => {
      const { store, db } = open();
      await store.migrate();
      await store.write({ expectedVersion: 1, settings: UPBIT_WITHOUT_XRP, audit: AUDIT });
      await db
        .insertInto('exchange_settings')
        .values({ exchange: 'mtgox', is_enabled: 1, market_rule: 'all' })
        .execute();
      await db
        .insertInto('exchange_settings')
        .values({ exchange: 'binance', is_enabled: 7, market_rule: 'all' })
        .execute();
      await db
        .insertInto('exchange_settings')
        .values({ exchange: 'bithumb', is_enabled: 0, market_rule: '?' })
        .execute();
      await db.insertInto('exchange_markets').values({ exchange: 'upbit', symbol: "'; drop table x" }).execute();
      await db.insertInto('exchange_channels').values({ exchange: 'upbit', channel: 'news', is_enabled: 0 }).execute();
      await db.insertInto('switches').values({ name: 'nuclear', is_enabled: 1 }).execute();
      const { settings, faults } = await store.read();
      expect(settings).toEqual(UPBIT_WITHOUT_XRP);
      expect(faults).toHaveLength(6);
      expect(faults.join('\n')).toMatch(/exchange_settings .*mtgox.*: no such exchange/);
      expect(faults.join('\n')).toMatch(/exchange_markets .*drop table.* is not a symbol like/);
      await store.write({ expectedVersion: 2, settings: UPBIT_WITHOUT_XRP, audit: AUDIT });
      expect((await store.read()).faults).toEqual([]);
    });

    test('numbers that nobody can count with are no reason to fail', async () => {
      const { store, db } = open();
      await store.migrate();
      const much = sql<number>`9223372036854775807`;
      await db
        .insertInto('audit')
        .values({ ...AUDIT_ROW, version: much })
        .execute();
      await db.insertInto('leadership').values({ epoch: much, node: '?', from_time: 1, until_time: null }).execute();
      await db.insertInto('switches').values({ name: 'redis', is_enabled: 2_147_483_647 }).execute();
      expect((await store.read()).faults).toHaveLength(1);
      expect([await store.audit(10), await store.terms(10), await store.highestEpoch()]).toEqual([[], [], 0]);
    });

    test('a database without its version says so, and the next migration goes on above the audit', async () => {
      const { store, db } = open();
      await store.migrate();
      await store.write({ expectedVersion: 1, settings: UPBIT_WITHOUT_XRP, audit: AUDIT });
      for (const spoil of [
        () => db.deleteFrom('settings_version').execute(),
        () => db.updateTable('settings_version').set({ version: sql`9223372036854775807` }).execute(),
        () => db.updateTable('settings_version').set({ version: -5 }).execute(),
      ]) {
        await spoil();
        await expect(store.version()).rejects.toThrow('settings_version holds no version');
        await store.migrate();
        expect(await store.read()).toEqual({ version: 3, settings: UPBIT_WITHOUT_XRP, faults: [] });
      }
    });
  });

  describe('leadership', () => {
    test('terms follow each other, and one that ended in a crash ends where the next begins', async () => {
      const { store } = open();
      await store.migrate();
      await store.beginTerm({ epoch: 10, node: 'a', from: 1_000.5 });
      await store.endTerm(10, 2_000.5);
      await store.beginTerm({ epoch: 20, node: 'b', from: 3_000 });
      await store.beginTerm({ epoch: 20, node: 'b', from: 3_000 });
      await store.beginTerm({ epoch: 30, node: 'c', from: 4_000 });
      expect(await store.terms(10)).toEqual([
        { epoch: 30, node: 'c', from: 4_000, until: null },
        { epoch: 20, node: 'b', from: 3_000, until: 4_000 },
        { epoch: 10, node: 'a', from: 1_000.5, until: 2_000.5 },
      ]);
    });

    test('[FEN1] a deposed leader can write nothing: no term, no end, no instrument', async () => {
      const [old, young] = [open().store, open().store];
      await old.migrate();
      expect(await old.beginTerm({ epoch: 10, node: 'a', from: 1_000 })).toBe('written');
      expect(await young.beginTerm({ epoch: 20, node: 'b', from: 2_000 })).toBe('written');
      expect(await old.beginTerm({ epoch: 10, node: 'a', from: 3_000 })).toBe('refused');
      expect(await old.endTerm(10, 3_000)).toBe('refused');
      expect(await old.saveInstruments(10, [instrument('KRW-BTC')])).toBe('refused');
      expect(await old.delistUnseen(10, 'upbit', 9e15)).toBe('refused');
      expect(await young.saveInstruments(20, [instrument('KRW-ETH')])).toBe('written');
      expect((await old.instruments()).instruments.map(({ nativeCode }) => nativeCode)).toEqual(['KRW-ETH']);
      expect(await old.terms(10)).toMatchObject([
        { epoch: 20, until: null },
        { epoch: 10, until: 2_000 },
      ]);
    });
  });

  describe('epochs', () => {
    test('[EPO2] the highest one is remembered, of terms and of whoever has only written', async () => {
      const { store } = open();
      await store.migrate();
      expect(await store.highestEpoch()).toBe(0);
      await store.beginTerm({ epoch: 1_790_000_000, node: 'a', from: 1_000 });
      expect(await store.highestEpoch()).toBe(1_790_000_000);
      await store.saveInstruments(1_790_000_007, [instrument('KRW-BTC')]);
      expect(await store.highestEpoch()).toBe(1_790_000_007);
    });

    test('[FEN1] a fence that a person takes away or spoils is put up again at the highest term', async () => {
      const { store, db } = open();
      await store.migrate();
      await store.beginTerm({ epoch: 20, node: 'b', from: 2_000 });
      for (const spoil of [
        () => db.deleteFrom('leadership_fence').execute(),
        () => db.updateTable('leadership_fence').set({ epoch: sql`9223372036854775807` }).execute(),
      ]) {
        await spoil();
        expect(await store.highestEpoch()).toBe(20);
        expect(await store.endTerm(10, 3_000)).toBe('refused');
        expect(await store.endTerm(20, 3_000)).toBe('written');
      }
    });
  });

  describe('instruments', () => {
    test('names in both languages and exact steps come back; a later sighting keeps the first one', async () => {
      const { store } = open();
      await store.migrate();
      const first = instrument('KRW-BTC');
      await store.saveInstruments(1, [first, instrument('KRW-🐕')]);
      const later = { ...first, koreanName: '비트', status: 'halted', firstSeen: 2e12, lastSeen: 2e12 } as const;
      await store.saveInstruments(1, [later]);
      const { instruments, faults } = await store.instruments();
      expect(faults).toEqual([]);
      expect(instruments).toHaveLength(2);
      expect(instruments.find(({ nativeCode }) => nativeCode === 'KRW-BTC')).toEqual({
        ...later,
        firstSeen: first.firstSeen,
      });
      expect(instruments.find(({ base }) => base === '🐕')?.koreanName).toBe('비트코인');
    });

    test('codes that differ in case are two; what was not seen any more is delisted, at its exchange only', async () => {
      const { store } = open();
      await store.migrate();
      await store.saveInstruments(1, [instrument('KRW-ABC'), instrument('KRW-abc', { lastSeen: 1_800_000_000_000 })]);
      await store.saveInstruments(1, [instrument('KRW-ABC', { exchange: 'bithumb' })]);
      await store.delistUnseen(1, 'upbit', 1_800_000_000_000);
      const { instruments } = await store.instruments();
      expect(
        instruments.map(({ exchange, nativeCode, status }) => `${exchange} ${nativeCode} ${status}`).sort(),
      ).toEqual(['bithumb KRW-ABC trading', 'upbit KRW-ABC delisted', 'upbit KRW-abc trading']);
    });

    test('a whole market of thousands is taken, and one that no column can hold costs only itself', async () => {
      const { store } = open();
      await store.migrate();
      const all = Array.from({ length: 1_000 }, (_, index) => instrument(`KRW-C${index}`));
      const long = instrument('KRW-BIG', { englishName: 'x'.repeat(1_000) });
      await store.saveInstruments(1, [...all, instrument(`KRW-${'y'.repeat(300)}`), long]);
      const { instruments } = await store.instruments();
      expect(instruments).toHaveLength(1_001);
      expect(instruments.find(({ base }) => base === 'BIG')?.englishName).toHaveLength(255);
    });

    test('rows that make no sense are skipped and named', async () => {
      const { store, db } = open();
      await store.migrate();
      await store.saveInstruments(1, [instrument('KRW-BTC'), instrument('KRW-ETH'), instrument('KRW-XRP')]);
      await db.updateTable('instruments').set({ status: 'asleep' }).where('native_code', '=', 'KRW-ETH').execute();
      await db.updateTable('instruments').set({ tick_size: 'tiny' }).where('native_code', '=', 'KRW-XRP').execute();
      const { instruments, faults } = await store.instruments();
      expect(instruments.map(({ nativeCode }) => nativeCode)).toEqual(['KRW-BTC']);
      expect(faults).toEqual([
        'instruments upbit KRW-ETH: status is none of trading, halted, delisted',
        'instruments upbit KRW-XRP: a size is no number',
      ]);
    });
  });
}
