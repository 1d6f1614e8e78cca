import { join } from 'node:path';
import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Logger } from '../operations/logger.ts';
import { LeaderRecords } from './leader-records.ts';
import type { SettingsDatabase } from './schema.ts';
import { SettingsCache } from './settings-cache.ts';
import { SettingsService } from './settings-service.ts';
import { SqlSettingsStore } from './sql-settings-store.ts';
import { openSqliteDatabase } from './sqlite-database.ts';

export type OpenSettingsOptions = {
  /** `mysql://user:password@host:3306/database`; `null`: a file in the data folder. */
  readonly mysqlUrl: string | null;
  readonly dataDir: string;
  readonly node: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Symbols that an exchange lists, where that is known: others are a slip of the pen. */
  readonly listedSymbols: SettingsServiceListing;
  /** The database knows a higher epoch than the one this node leads with: it has to step down. */
  readonly onRefused?: (epoch: number) => void;
};

type SettingsServiceListing = ConstructorParameters<typeof SettingsService>[0]['listedSymbols'];

export type OpenSettings = {
  readonly service: SettingsService;
  readonly records: LeaderRecords;
  /** For the epoch of a new term (rule EPO2): what the leadership history knows. Fails while the database is away. */
  readonly epochMemory: { readonly name: string; highest(): Promise<number> };
  /** What leaders have written of every exchange's markets, names and all. Fails while the database is away. */
  knownInstruments(): Promise<ReadonlyMap<ExchangeName, readonly Instrument[]>>;
  /** Ends the leader's term, if there is one, and lets go of the database. */
  stop(): Promise<void>;
};

/** Nothing is opened before `service.start()`. */
export async function openSettings(options: OpenSettingsOptions): Promise<OpenSettings> {
  const { mysqlUrl, dataDir, clock, logger, node, listedSymbols, onRefused } = options;
  const isEmbedded = mysqlUrl === null;
  const database = isEmbedded ? openSqliteDatabase(join(dataDir, 'settings.sqlite')) : await openMysql(mysqlUrl);
  const component = isEmbedded ? 'settings' : 'mysql';
  const store = new SqlSettingsStore(database, () => clock.now());
  const service = new SettingsService({
    store,
    cache: new SettingsCache(join(dataDir, 'settings.json')),
    clock,
    logger,
    node,
    component,
    listedSymbols,
  });
  const records = new LeaderRecords({ store, clock, logger, node, ...(onRefused && { onRefused }) });
  return {
    service,
    records,
    knownInstruments: async () => {
      const { instruments, faults } = await store.instruments();
      if (faults.length > 0) logger.warn({ faults: faults.slice(0, 5), count: faults.length }, 'strange instruments');
      return Map.groupBy(instruments, ({ exchange }) => exchange);
    },
    epochMemory: { name: component, highest: () => store.highestEpoch() },
    stop: async () => {
      await records.stop();
      await service.stop();
      await store.close();
    },
  };
}

/** Whoever keeps the settings in a file does without the client: a newcomer's start is the sooner for it. */
async function openMysql(url: string): Promise<SettingsDatabase> {
  const { openMysqlDatabase } = await import('./mysql-database.ts');
  return openMysqlDatabase(url);
}
