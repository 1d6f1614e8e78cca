import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startMariaDb, type TestMariaDb } from '../../infra/local/services/testing/mariadb.ts';
import { openMysqlDatabase } from './mysql-database.ts';
import { describeSettingsStore } from './settings-store.suite.ts';
import { SqlSettingsStore } from './sql-settings-store.ts';
import { openSqliteDatabase } from './sqlite-database.ts';
import { freshDatabase } from './testing/fresh-database.ts';

describe('settings in the embedded SQLite', () => {
  let directory: string;
  let count = 0;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'settings-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  describeSettingsStore({
    reset: async () => {
      count += 1;
    },
    open: () => openSqliteDatabase(join(directory, `${count}.sqlite`)),
  });

  test('a folder that comes late is no reason to end', async () => {
    const store = new SqlSettingsStore(openSqliteDatabase(join(directory, 'late', 'settings.sqlite')), Date.now);
    await expect(store.migrate()).rejects.toThrow(/unable to open/);
    await mkdir(join(directory, 'late'));
    await store.migrate();
    expect(await store.version()).toBe(1);
    await store.close();
  });
});

describeWithService('mariadb', 'settings in MariaDB', () => {
  let server: TestMariaDb;
  let databaseUrl: string;
  beforeAll(async () => {
    server = await startMariaDb();
  });
  afterAll(() => server?.dispose());

  const reset = async () => {
    databaseUrl = await freshDatabase(server);
  };
  describeSettingsStore({ reset, open: () => openMysqlDatabase(databaseUrl) });

  test('a server that does not answer costs each call a bounded time, and heals without a new pool', async () => {
    await reset();
    const store = new SqlSettingsStore(openMysqlDatabase(databaseUrl), Date.now);
    await store.migrate();
    server.freeze();
    const before = performance.now();
    try {
      const asked = await Promise.allSettled(Array.from({ length: 8 }, () => store.version()));
      expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 'rejected'));
      // Eight callers share four connections: the second half waits for the first.
      expect(performance.now() - before).toBeLessThan(12_000);
    } finally {
      server.thaw();
    }
    await expect.poll(() => store.version().catch(String), { timeout: 5_000 }).toBe(1);
    await server.restart();
    await expect.poll(() => store.version().catch(String), { timeout: 5_000 }).toBe(1);
    await store.close();
  }, 40_000);
});
