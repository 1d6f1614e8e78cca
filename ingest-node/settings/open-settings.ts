import { join } from 'node:path';
import type { Clock } from '../../shared/base/clock.ts';
import type { Logger } from '../operations/logger.ts';
import { LeaderRecords } from './leader-records.ts';
import { openMysqlDatabase } from './mysql-database.ts';
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
  /** Ends the leader's term, if there is one, and lets go of the database. */
  stop(): Promise<void>;
};

/** Nothing is opened before `service.start()`. */
export function openSettings(options: OpenSettingsOptions): OpenSettings {
  const { mysqlUrl, dataDir, clock, logger, node, listedSymbols, onRefused } = options;
  const isEmbedded = mysqlUrl === null;
  const database = isEmbedded ? openSqliteDatabase(join(dataDir, 'settings.sqlite')) : openMysqlDatabase(mysqlUrl);
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
    epochMemory: { name: component, highest: () => store.highestEpoch() },
    stop: async () => {
      await records.stop();
      await service.stop();
      await store.close();
    },
  };
}
