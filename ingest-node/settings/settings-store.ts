/**
 * Where settings are kept, and the contract that MySQL and the embedded SQLite fulfil alike (`settings-store.suite.ts`).
 *
 * - The settings have a *version* that every change raises by one. A change names the version it was made from: whoever
 *   comes second is told so and has changed nothing. Each change leaves one audit record, under the version it made.
 * - What a leader writes carries its *epoch*. The highest epoch that has written is remembered, and a writer below it is
 *   refused: a deposed leader cannot write.
 * - A row that makes no sense is skipped and named, never thrown: a person's mistake must not stop a node.
 * - Every call is one round trip or one transaction, and ends within its timeout: resolved, or rejected when the database
 *   cannot be used. It may be called again at any time, and works again when the database does.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { Settings } from './settings.ts';

export type StoredSettings = {
  readonly version: number;
  readonly settings: Settings;
  /** Rows that were skipped, one line each: table, key, what is wrong. */
  readonly faults: readonly string[];
};

export type SettingsWrite = {
  /** The version that the change was made from. */
  readonly expectedVersion: number;
  readonly settings: Settings;
  readonly audit: Omit<AuditRecord, 'version'>;
};

export type SettingsWriteResult =
  | { readonly ok: true; readonly version: number }
  /** Somebody else was quicker: nothing was written. */
  | { readonly ok: false };

export type AuditRecord = {
  /** Which this change made. */
  readonly version: number;
  readonly time: EpochMillis;
  /** Who asked for it, as far as they said. */
  readonly who: string;
  /** Which node it was asked of. */
  readonly node: string;
  /** What was changed: `settings`, `exchanges/upbit`, `switches`. */
  readonly subject: string;
  /** The subject before and after, as JSON text. */
  readonly before: string;
  readonly after: string;
};

/** One leadership; `until` is `null` while it lasts. One that ended in a crash ends where the next begins. */
export type TermRecord = {
  readonly epoch: number;
  readonly node: string;
  readonly from: EpochMillis;
  readonly until: EpochMillis | null;
};

/** `refused`: a higher epoch has written since. */
export type LeaderWriteResult = 'written' | 'refused';

export type SettingsStore = {
  /**
   * Brings the schema up to date, and back what was lost of what every call needs. Any number of nodes may do so at once:
   * they take turns.
   */
  migrate(): Promise<void>;
  /** The cheapest question there is: what polls and health ask. */
  version(): Promise<number>;
  read(): Promise<StoredSettings>;
  write(change: SettingsWrite): Promise<SettingsWriteResult>;
  /** Newest first. */
  audit(limit: number): Promise<readonly AuditRecord[]>;

  beginTerm(term: Omit<TermRecord, 'until'>): Promise<LeaderWriteResult>;
  endTerm(epoch: number, until: EpochMillis): Promise<LeaderWriteResult>;
  /** Newest first. */
  terms(limit: number): Promise<readonly TermRecord[]>;
  /** Of all that have begun a term or written anything; 0 when there was none (rule EPO2). */
  highestEpoch(): Promise<number>;

  /** Adds or renews these; the first sighting of a known one stays. A few hundred at a time. */
  saveInstruments(epoch: number, instruments: readonly Instrument[]): Promise<LeaderWriteResult>;
  /** Those of the exchange that were not seen since `before` are delisted. */
  delistUnseen(epoch: number, exchange: ExchangeName, before: EpochMillis): Promise<LeaderWriteResult>;
  instruments(): Promise<{ readonly instruments: readonly Instrument[]; readonly faults: readonly string[] }>;

  close(): Promise<void>;
};
