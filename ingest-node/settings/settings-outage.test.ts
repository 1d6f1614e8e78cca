/** What a node makes of a MariaDB that is killed, frozen, restarted, cut off, wiped or not there yet. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TcpProxy } from '../../infra/chaos/tcp-proxy.ts';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startMariaDb, type TestMariaDb } from '../../infra/local/services/testing/mariadb.ts';
import type { OpenSettings } from './open-settings.ts';
import { freshDatabase, runSql } from './testing/fresh-database.ts';
import { upbitWithout, useSettings } from './testing/settings-under-test.ts';

describeWithService('mariadb', 'a node and its MariaDB', () => {
  const under = useSettings();
  let server: TestMariaDb;
  let url: string;
  beforeAll(async () => {
    server = await startMariaDb();
  });
  afterAll(() => server?.dispose());
  beforeEach(async () => {
    url = await freshDatabase(server);
  });

  /** Each node has a data folder of its own, which its next start finds again. */
  const open = (node: string, mysqlUrl = url) => under.open({ mysqlUrl, node, dataDir: join(under.directory, node) });
  const carriesXrp = ({ service }: OpenSettings) => service.carriage.carriesMarket('upbit', 'XRP/KRW');
  const becomes = (settings: OpenSettings, state: 'up' | 'down' | 'degraded', withinMs: number) =>
    expect.poll(() => settings.service.health.state, { timeout: withinMs, interval: 20 }).toBe(state);
  /** Polls once a second, one that is not answered gives up after another and a half; the rest is for a busy machine. */
  const NOTICED_WITHIN_MS = 5_000;
  const HEALED_WITHIN_MS = 12_000;

  test('nodes that start at once on an empty database agree, and a change at one is at the other within 2 s', async () => {
    const [some, other] = await Promise.all(['node-1', 'node-2', 'node-3'].map(node => open(node)));
    for (const { service } of [some!, other!]) {
      expect(service.health).toMatchObject({ name: 'mysql', enabled: true, state: 'up', lastError: null });
      expect(service.health.latencyMs).toBeGreaterThan(0);
    }
    const told = new Promise(resolve => other!.service.onChange(resolve));
    const changedAt = performance.now();
    expect(await some!.service.change(upbitWithout('XRP/KRW'))).toMatchObject({ kind: 'ok', version: 2 });
    expect(carriesXrp(some!)).toBe(false);
    await told;
    const tookMs = performance.now() - changedAt;
    console.log(`a change was at another node after ${tookMs.toFixed(0)} ms`);
    expect(tookMs).toBeLessThan(2_000);
    expect(await other!.service.audit(10)).toMatchObject([
      { version: 2, who: 'kim', node: 'node-1', subject: 'exchanges/upbit' },
    ]);
  });

  test('killed while a node polls: the last known settings serve, health tells, and it heals by itself', async () => {
    const node = await open('node-1');
    await node.service.change(upbitWithout('XRP/KRW'));
    await server.kill();
    await becomes(node, 'down', NOTICED_WITHIN_MS);
    expect(node.service.health).toMatchObject({ latencyMs: null, lastError: expect.stringMatching(/ECONN|closed/) });
    expect(carriesXrp(node)).toBe(false);
    expect(await node.service.change(upbitWithout())).toMatchObject({ kind: 'unavailable' });
    await expect(node.service.audit(1)).rejects.toThrow();
    await expect(node.epochMemory.highest()).rejects.toThrow();
    await server.start();
    await becomes(node, 'up', HEALED_WITHIN_MS);
    expect(await node.service.change(upbitWithout())).toMatchObject({ kind: 'ok', version: 3 });
  }, 60_000);

  test('frozen while a node polls: noticed in time, nobody hangs, and it heals by itself', async () => {
    const node = await open('node-1');
    await node.service.change(upbitWithout('XRP/KRW'));
    const frozenAt = performance.now();
    server.freeze();
    try {
      // Asked before anyone has noticed: it has to end as well.
      const change = node.service.change(upbitWithout());
      await becomes(node, 'down', NOTICED_WITHIN_MS);
      console.log(`a frozen server was noticed after ${(performance.now() - frozenAt).toFixed(0)} ms`);
      expect(node.service.health.lastError).toMatch(/no answer within|timeout/i);
      expect(await change).toMatchObject({ kind: 'unavailable' });
      expect(await node.service.change(upbitWithout())).toMatchObject({ kind: 'unavailable' });
      expect(carriesXrp(node)).toBe(false);
    } finally {
      server.thaw();
    }
    const thawedAt = performance.now();
    await becomes(node, 'up', HEALED_WITHIN_MS);
    console.log(`a thawed server was in use after ${(performance.now() - thawedAt).toFixed(0)} ms`);
    await expect.poll(async () => (await node.service.change(upbitWithout())).kind, { timeout: 10_000 }).toBe('ok');
  }, 60_000);

  test('restarted, or all connections cut, while nodes poll: a change made meanwhile is not missed', async () => {
    const { port, hostname } = new URL(url);
    const proxy = new TcpProxy({ host: hostname, port: Number(port) });
    const throughProxy = new URL(url);
    throughProxy.port = String(await proxy.listen());
    const [cut, straight] = [await open('node-1', throughProxy.href), await open('node-2')];
    try {
      await expect.poll(() => proxy.links).toBeGreaterThan(0);
      proxy.cut();
      await straight.service.change(upbitWithout('XRP/KRW'));
      await expect.poll(() => carriesXrp(cut), { timeout: HEALED_WITHIN_MS }).toBe(false);
      await server.restart();
      await runSql(url, `update switches set is_enabled = 1`);
      await runSql(url, `insert into switches (name, is_enabled) values ('redis', 0)`);
      await runSql(url, `update settings_version set version = version + 1`);
      for (const { service } of [cut, straight]) {
        await expect.poll(() => service.switches.redis, { timeout: HEALED_WITHIN_MS }).toBe(false);
        expect(service.health.state).toBe('up');
      }
    } finally {
      await under.close(cut);
      await proxy.stop();
    }
  }, 60_000);

  test('down at the start: what the disk remembers serves, and the server is found when it comes', async () => {
    const before = await open('node-1');
    await before.service.change(upbitWithout('XRP/KRW'));
    await under.close(before);
    await server.kill();
    const node = await open('node-1');
    expect(node.service.health).toMatchObject({
      name: 'mysql',
      state: 'down',
      lastError: expect.stringMatching(/ECONNREFUSED/),
    });
    expect([carriesXrp(node), node.service.version]).toEqual([false, 2]);
    await server.start();
    await becomes(node, 'up', HEALED_WITHIN_MS);
    expect([carriesXrp(node), node.service.version]).toEqual([false, 2]);
  }, 60_000);

  test('frozen at the start: the start takes no longer than its five seconds', async () => {
    server.freeze();
    try {
      const startedAt = performance.now();
      const node = await open('node-1');
      expect(performance.now() - startedAt).toBeLessThan(8_000);
      expect(node.service.health.state).toBe('down');
      expect(carriesXrp(node)).toBe(true);
      server.thaw();
      await becomes(node, 'up', HEALED_WITHIN_MS);
    } finally {
      server.thaw();
    }
  }, 60_000);

  test('a wrong password is said in the words of the server, without the password, and the node lives', async () => {
    const wrong = new URL(url);
    wrong.password = 'not-the-password';
    const { service } = await open('node-1', wrong.href);
    expect(service.health).toMatchObject({ state: 'down', lastError: expect.stringMatching(/Access denied for user/) });
    expect(JSON.stringify(service.health)).not.toContain('not-the-password');
    const answer = await service.change(upbitWithout());
    expect(answer).toMatchObject({ kind: 'unavailable', reason: expect.stringMatching(/Access denied/) });
  });

  test('a database that is not there yet is named, and found when somebody makes it', async () => {
    const node = await open('node-1', url.replace(/\/exchange_\d+$/, '/exchange_later'));
    expect(node.service.health.lastError).toMatch(/Access denied|Unknown database/);
    await runSql(server.url, 'create database exchange_later');
    await becomes(node, 'up', HEALED_WITHIN_MS);
  }, 30_000);

  test('a database that was wiped gets its schema again', async () => {
    const node = await open('node-1');
    await node.service.change(upbitWithout('XRP/KRW'));
    const name = new URL(url).pathname.slice(1);
    await runSql(server.url, `drop database ${name}`);
    await runSql(server.url, `create database ${name}`);
    await expect.poll(() => node.service.version, { timeout: HEALED_WITHIN_MS }).toBe(1);
    await becomes(node, 'up', HEALED_WITHIN_MS);
    expect(await node.service.change(upbitWithout('BTC/KRW'))).toMatchObject({ kind: 'ok', version: 2 });
  }, 30_000);

  test('garbage in rows is counted and named in health within the next polls, and the rest counts', async () => {
    const node = await open('node-1');
    await node.service.change(upbitWithout('XRP/KRW'));
    await runSql(url, `insert into exchange_markets values ('upbit', 'not a symbol'), ('mtgox', 'BTC/USD')`);
    await runSql(url, `insert into exchange_channels values ('upbit', 'rumours', 9)`);
    await runSql(url, `update settings_version set version = version + 1`);
    await becomes(node, 'degraded', NOTICED_WITHIN_MS);
    for (const what of [/^3 rows skipped: /, /not a symbol/, /mtgox/, /rumours/]) {
      expect(node.service.health.lastError).toMatch(what);
    }
    expect([carriesXrp(node), node.service.version]).toEqual([false, 3]);
    await runSql(url, `delete from exchange_markets where symbol in ('not a symbol', 'BTC/USD')`);
    await runSql(url, `delete from exchange_channels`);
    await becomes(node, 'up', NOTICED_WITHIN_MS);
  }, 30_000);
});
