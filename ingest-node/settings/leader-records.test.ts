import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startMariaDb, type TestMariaDb } from '../../infra/local/services/testing/mariadb.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import { silentLogger } from '../operations/logger.ts';
import { LeaderRecords } from './leader-records.ts';
import { openMysqlDatabase } from './mysql-database.ts';
import { SqlSettingsStore } from './sql-settings-store.ts';
import { openSqliteDatabase } from './sqlite-database.ts';
import { freshDatabase } from './testing/fresh-database.ts';
import { useSettings } from './testing/settings-under-test.ts';

const under = useSettings();
const PATIENCE = { timeout: 10_000, interval: 20 };

function coin(base: string, change: Partial<Instrument> = {}): Instrument {
  return {
    exchange: 'upbit',
    nativeCode: `KRW-${base}`,
    symbol: `${base}/KRW`,
    base,
    quote: 'KRW',
    englishName: base,
    koreanName: null,
    tickSize: null,
    lotSize: null,
    status: 'trading',
    firstSeen: 1_000,
    lastSeen: 1_000,
    ...change,
  };
}

const coins = (count: number) => Array.from({ length: count }, (_, index) => coin(`C${index}`));

function openStore(): SqlSettingsStore {
  return new SqlSettingsStore(openSqliteDatabase(join(under.directory, 'settings.sqlite')), Date.now);
}

test('a term, the instruments seen in it, and its end are left behind', async () => {
  const { records, service, epochMemory } = await under.open();
  const store = openStore();
  records.saveInstruments('upbit', coins(3));
  records.beginTerm(7);
  records.saveInstruments('upbit', coins(450));
  await expect.poll(async () => (await store.instruments()).instruments.length, PATIENCE).toBe(450);
  expect(await service.terms(10)).toMatchObject([{ epoch: 7, node: 'node-1', until: null }]);
  expect(await epochMemory.highest()).toBe(7);
  records.saveInstruments('upbit', [coin('C1', { lastSeen: 2_000 }), coin('C2', { lastSeen: 2_000 })]);
  const trading = async () => (await store.instruments()).instruments.filter(({ status }) => status === 'trading');
  await expect.poll(async () => (await trading()).map(({ base }) => base), PATIENCE).toEqual(['C1', 'C2']);
  records.endTerm();
  await expect.poll(async () => (await service.terms(1))[0]?.until, PATIENCE).toBeGreaterThan(1_700_000_000_000);
  await store.close();
});

test('[HND1] the beginning of a term is written when its first batch is out, a second later', async () => {
  const store = openStore();
  await store.migrate();
  const clock = new ManualClock();
  const records = new LeaderRecords({ store, clock, logger: silentLogger, node: 'node-1' });
  const writing = vi.spyOn(store, 'beginTerm');
  records.beginTerm(7);
  await clock.advanceAndSettle(900);
  expect(writing).not.toHaveBeenCalled();
  await clock.advanceAndSettle(200);
  expect(writing).toHaveBeenCalledTimes(1);
  await records.stop();
  expect(await store.terms(10)).toMatchObject([{ epoch: 7, from: clock.now() - 1_100 }]);
  await store.close();
});

test('a stop in the middle of a term ends it', async () => {
  const settings = await under.open();
  settings.records.beginTerm(7);
  await under.close(settings);
  const store = openStore();
  expect(await store.terms(1)).toMatchObject([{ epoch: 7, until: expect.any(Number) }]);
  await store.close();
});

test('[EPO2] a leader that is refused is told to step down; one that has stepped down already is not', async () => {
  const refused: number[] = [];
  const { records, service } = await under.open({ onRefused: epoch => refused.push(epoch) });
  const successor = openStore();
  records.beginTerm(7);
  await expect.poll(() => service.terms(10), PATIENCE).toHaveLength(1);
  await successor.beginTerm({ epoch: 8, node: 'node-2', from: Date.now() });
  records.saveInstruments('upbit', coins(1_000));
  await expect.poll(() => refused, PATIENCE).toEqual([7]);
  expect((await successor.instruments()).instruments).toEqual([]);
  records.endTerm();
  records.beginTerm(9);
  await expect.poll(async () => (await service.terms(1))[0]?.epoch, PATIENCE).toBe(9);
  expect(await service.terms(10)).toMatchObject([{ epoch: 9 }, { epoch: 8, node: 'node-2' }, { epoch: 7 }]);
  expect(refused).toEqual([7]);
  await successor.close();
});

describeWithService('mariadb', 'a leader whose MariaDB is away', () => {
  let server: TestMariaDb;
  beforeAll(async () => {
    server = await startMariaDb();
  });
  afterAll(() => server?.dispose());

  const create = async () => {
    const store = new SqlSettingsStore(openMysqlDatabase(await freshDatabase(server)), Date.now);
    await store.migrate();
    return { store, records: new LeaderRecords({ store, clock: systemClock, logger: silentLogger, node: 'node-1' }) };
  };

  test('goes on leading; what it had to tell is told in order when the server is back', async () => {
    const { store, records } = await create();
    await server.kill();
    records.beginTerm(7);
    records.saveInstruments('upbit', coins(10));
    records.endTerm();
    records.beginTerm(8);
    records.saveInstruments('upbit', coins(20));
    records.saveInstruments('bithumb', [coin('BTC', { exchange: 'bithumb' })]);
    await server.start();
    const told = async () => [await store.terms(10), (await store.instruments()).instruments.length] as const;
    await expect
      .poll(() => told().catch(String), PATIENCE)
      .toMatchObject([
        [
          { epoch: 8, until: null },
          { epoch: 7, until: expect.any(Number) },
        ],
        21,
      ]);
    await records.stop();
    expect((await store.terms(1))[0]?.until).not.toBeNull();
    await store.close();
  }, 60_000);

  test('stops in bounded time while the server is frozen', async () => {
    const { store, records } = await create();
    server.freeze();
    try {
      records.beginTerm(7);
      const stoppedAt = performance.now();
      await records.stop();
      expect(performance.now() - stoppedAt).toBeLessThan(4_000);
    } finally {
      server.thaw();
    }
    await store.close();
  }, 30_000);
});
