import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SettingsChange } from './settings.ts';
import { openSqliteDatabase } from './sqlite-database.ts';
import { upbitWithout, useSettings } from './testing/settings-under-test.ts';

const under = useSettings();
const { open, close } = under;

test('a change is there at once, and after a restart', async () => {
  const first = await open();
  const changes: SettingsChange[] = [];
  first.service.onChange(change => changes.push(change));
  expect(await first.service.change(upbitWithout('XRP/KRW'))).toMatchObject({ kind: 'ok', version: 2 });
  expect(first.service.carriage.carriesMarket('upbit', 'XRP/KRW')).toBe(false);
  expect(changes).toMatchObject([{ version: 2, exchanges: ['upbit'], switches: [] }]);
  expect(await first.service.audit(10)).toMatchObject([
    { version: 2, who: 'kim', node: 'node-1', subject: 'exchanges/upbit' },
  ]);
  await close(first);
  const second = await open();
  expect(second.service.carriage.carriesMarket('upbit', 'XRP/KRW')).toBe(false);
  expect(second.service.version).toBe(2);
});

test('a change by another node is told within the next polls', async () => {
  const [some, other] = [await open(), await open()];
  const told = new Promise<SettingsChange>(resolve => other.service.onChange(resolve));
  await some.service.change({ ...upbitWithout(), subject: { kind: 'switches' }, document: { redis: false } });
  expect(await told).toMatchObject({ version: 2, exchanges: [], switches: ['redis'] });
  expect(other.service.switches).toEqual({ kafka: true, redis: false });
});

test('a listener that fails keeps neither the change nor the other listeners from it', async () => {
  const { service } = await open();
  const told: SettingsChange[] = [];
  service.onChange(() => {
    throw new Error('no redis today');
  });
  const stopTelling = service.onChange(change => told.push(change));
  expect(await service.change(upbitWithout('XRP/KRW'))).toMatchObject({ kind: 'ok', version: 2 });
  expect(told).toHaveLength(1);
  stopTelling();
  await service.change(upbitWithout());
  expect(told).toHaveLength(1);
  expect(service.health.state).toBe('up');
});

test('a change made from an older version is refused, from the version another node has just made it is taken', async () => {
  const [some, other] = [await open(), await open()];
  await some.service.change(upbitWithout('XRP/KRW'));
  const late = { ...upbitWithout('BTC/KRW'), expectedVersion: 1 };
  expect(await other.service.change(late)).toEqual({ kind: 'conflict', version: 2 });
  expect(await other.service.change({ ...late, expectedVersion: 2 })).toMatchObject({ kind: 'ok', version: 3 });
  expect((await some.service.audit(10)).map(({ version }) => version)).toEqual([3, 2]);
});

test('a market that nobody lists is a slip of the pen; one that was named before may stay', async () => {
  let listed = new Set(['XRP/KRW', 'BTC/KRW']);
  const { service } = await open({ listedSymbols: exchange => (exchange === 'upbit' ? listed : null) });
  expect(await service.change(upbitWithout('XRP/KWR', 'BTC/KRW', 'YRP/KRW'))).toEqual({
    kind: 'invalid',
    faults: ['upbit does not list XRP/KWR', 'upbit does not list YRP/KRW'],
  });
  expect(await service.change(upbitWithout('XRP/KRW'))).toMatchObject({ kind: 'ok' });
  listed = new Set(['BTC/KRW']);
  expect(await service.change(upbitWithout('XRP/KRW', 'BTC/KRW'))).toMatchObject({ kind: 'ok' });
});

describe('without the database', () => {
  const UNREACHABLE = 'mysql://nobody:secret@127.0.0.1:1/nothing';

  test('a start serves what the disk remembers, and health says why', async () => {
    const first = await open();
    await first.service.change(upbitWithout('XRP/KRW'));
    await close(first);
    const second = await open({ mysqlUrl: UNREACHABLE });
    expect(second.service.carriage.carriesMarket('upbit', 'XRP/KRW')).toBe(false);
    const { health } = second.service;
    expect(health).toMatchObject({ name: 'mysql', enabled: true, state: 'down', latencyMs: null });
    expect(health.lastError).toContain('ECONNREFUSED');
    expect(JSON.stringify(health)).not.toContain('secret');
    expect(await second.service.change(upbitWithout())).toMatchObject({ kind: 'unavailable' });
    expect(second.service.carriage.carriesMarket('upbit', 'XRP/KRW')).toBe(false);
  });

  test('a first start carries everything, and a broken cache is no reason to end', async () => {
    const first = await open({ mysqlUrl: UNREACHABLE });
    expect(first.service.carriage.carriesMarket('upbit', 'XRP/KRW')).toBe(true);
    await close(first);
    for (const text of ['{"version":', '{"version":"x"}', '[]', '{"version":3,"exchanges":{"mtgox":{}}}']) {
      await writeFile(join(under.directory, 'settings.json'), text);
      const next = await open({ mysqlUrl: UNREACHABLE });
      expect(next.service.carriage.carriesMarket('upbit', 'XRP/KRW')).toBe(true);
      await close(next);
    }
  });

  test('a file that is no database is named, the node lives, and heals when the file is taken away', async () => {
    await writeFile(join(under.directory, 'settings.sqlite'), 'this is no database '.repeat(100));
    const { service } = await open();
    expect(service.health).toMatchObject({ name: 'settings', state: 'down' });
    expect(service.health.lastError).toContain('not a database');
    await rm(join(under.directory, 'settings.sqlite'));
    await expect.poll(() => service.health.state, { timeout: 5_000 }).toBe('up');
    expect(await service.change(upbitWithout('XRP/KRW'))).toMatchObject({ kind: 'ok' });
  });
});

test('rows that make no sense are counted and named in health, and gone with the next change', async () => {
  const first = await open();
  await first.service.change(upbitWithout('XRP/KRW'));
  await close(first);
  const { db } = openSqliteDatabase(join(under.directory, 'settings.sqlite'));
  await db.insertInto('switches').values({ name: 'nuclear', is_enabled: 1 }).execute();
  await db.insertInto('exchange_markets').values({ exchange: 'upbit', symbol: 'no symbol' }).execute();
  await db.destroy();
  const { service } = await open();
  expect(service.health).toMatchObject({ state: 'degraded' });
  expect(service.health.lastError).toMatch(/^2 rows skipped: exchange_markets .*no symbol.*; switches .*nuclear/);
  expect(service.carriage.carriesMarket('upbit', 'XRP/KRW')).toBe(false);
  await service.change(upbitWithout('XRP/KRW'));
  await expect.poll(() => service.health.state, { timeout: 5_000 }).toBe('up');
});

test('rows that a person writes count without a new version, and so does taking a bad one away', async () => {
  const { service } = await open();
  const { db } = openSqliteDatabase(join(under.directory, 'settings.sqlite'));
  await db.insertInto('switches').values({ name: 'redis', is_enabled: 0 }).execute();
  await db.insertInto('switches').values({ name: 'nuclear', is_enabled: 1 }).execute();
  await expect.poll(() => service.switches.redis, { timeout: 8_000 }).toBe(false);
  expect(service.health).toMatchObject({ state: 'degraded', lastError: expect.stringMatching(/^1 rows skipped/) });
  await db.deleteFrom('switches').where('name', '=', 'nuclear').execute();
  await expect.poll(() => service.health.state, { timeout: 8_000 }).toBe('up');
  await db.destroy();
}, 20_000);

test('a version that a person spoils is said, and made again above all there were', async () => {
  const { service } = await open();
  await service.change(upbitWithout('XRP/KRW'));
  const { db } = openSqliteDatabase(join(under.directory, 'settings.sqlite'));
  await db
    .updateTable('settings_version')
    .set({ version: 'two' as never })
    .execute();
  await expect.poll(() => service.health.lastError, { timeout: 5_000 }).toMatch(/settings_version holds no version/);
  await expect.poll(() => [service.health.state, service.version], { timeout: 5_000 }).toEqual(['up', 3]);
  expect(service.carriage.carriesMarket('upbit', 'XRP/KRW')).toBe(false);
  expect(await service.change(upbitWithout())).toMatchObject({ kind: 'ok', version: 4 });
  expect((await service.audit(10)).map(({ version }) => version)).toEqual([4, 2]);
  await db.destroy();
});

test('the disk remembers the newest settings in a form that a person can read', async () => {
  const settings = await open();
  await settings.service.change(upbitWithout('XRP/KRW'));
  await close(settings);
  const text = await readFile(join(under.directory, 'settings.json'), 'utf8');
  expect(JSON.parse(text)).toMatchObject({ version: 2, exchanges: { upbit: { markets: { except: ['XRP/KRW'] } } } });
});
