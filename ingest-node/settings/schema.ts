/** The tables, as the queries know them; `migrations.ts` makes them. Times are epoch milliseconds, flags 0 and 1. */
import type { Kysely } from 'kysely';

export type SettingsSchema = {
  /** One row: how often the settings were changed. */
  settings_version: { id: number; version: number };
  /** Only what differs from the defaults. */
  exchange_settings: { exchange: string; is_enabled: number; market_rule: string };
  /** The symbols that `market_rule` is about. */
  exchange_markets: { exchange: string; symbol: string };
  exchange_channels: { exchange: string; channel: string; is_enabled: number };
  switches: { name: string; is_enabled: number };
  audit: {
    version: number;
    changed_time: number;
    who: string;
    node: string;
    subject: string;
    before_json: string;
    after_json: string;
  };
  /** One row: the highest epoch that has written. */
  leadership_fence: { id: number; epoch: number };
  leadership: { epoch: number; node: string; from_time: number; until_time: number | null };
  instruments: InstrumentRow;
  schema_migrations: { id: number; name: string; applied_time: number };
};

export type InstrumentRow = {
  exchange: string;
  native_code: string;
  symbol: string;
  base: string;
  quote: string;
  english_name: string | null;
  korean_name: string | null;
  tick_size: string | null;
  lot_size: string | null;
  status: string;
  first_seen: number;
  last_seen: number;
};

/** A database that the store speaks to, and the little in which the two kinds differ. */
export type SettingsDatabase = {
  readonly kind: 'mysql' | 'sqlite';
  readonly db: Kysely<SettingsSchema>;
  /** What follows the columns of a new table. */
  readonly tableOptions: string;
  /** Runs `work` while nobody else, in this process or another, runs any. Waits for its turn for a bounded time. */
  withMigrationLock(work: (db: Kysely<SettingsSchema>) => Promise<void>): Promise<void>;
};
