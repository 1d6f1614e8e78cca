/**
 * What a leader leaves in the database: its terms and the instruments it saw. Nobody waits for it: everything is queued,
 * written in small pieces while the store can be used, and tried again while it cannot.
 */
import { setImmediate } from 'node:timers/promises';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Logger } from '../operations/logger.ts';
import type { LeaderWriteResult, SettingsStore } from './settings-store.ts';

export type LeaderRecordsOptions = {
  readonly store: SettingsStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly node: string;
  /** A higher epoch has written while this node believes that it leads with this one (rule EPO2). */
  readonly onRefused?: (epoch: number) => void;
};

type Deed = { readonly epoch: number; readonly write: () => Promise<LeaderWriteResult> };

const RETRY_AFTER_MS = 1_000;
/** A new leader has other things to do first: everybody waits for its first batch. */
const BEGINNING_AFTER_MS = 1_000;
/** A stop waits this long for what is still to be written. */
const STOP_WITHIN_MS = 1_500;
const INSTRUMENTS_AT_ONCE = 200;
/** Beginnings and ends of terms that wait for the store; the oldest go first when there are more. */
const MOST_TERM_DEEDS = 100;

export class LeaderRecords {
  readonly #options: LeaderRecordsOptions;
  /** In order: a term begins before it ends. */
  #terms: Deed[] = [];
  /** The newest list of each exchange; a newer one takes its place. */
  readonly #lists = new Map<ExchangeName, readonly Instrument[]>();
  #epoch: number | null = null;
  #isWriting = false;
  #lastError: string | null = null;
  #work: Promise<void> = Promise.resolve();
  #cancelBeginning: CancelTimer = () => {};
  #isStopped = false;

  constructor(options: LeaderRecordsOptions) {
    this.#options = options;
  }

  beginTerm(epoch: number): void {
    const { store, clock, node } = this.#options;
    const from = clock.now();
    this.#epoch = epoch;
    this.#addTerm({ epoch, write: () => store.beginTerm({ epoch, node, from }) }, BEGINNING_AFTER_MS);
  }

  endTerm(): void {
    const { store, clock } = this.#options;
    const epoch = this.#epoch;
    if (epoch === null) return;
    this.#epoch = null;
    this.#lists.clear();
    const until = clock.now();
    this.#addTerm({ epoch, write: () => store.endTerm(epoch, until) });
  }

  /** A market list came. Ignored outside a term: whoever leads writes it. */
  saveInstruments(exchange: ExchangeName, instruments: readonly Instrument[]): void {
    if (this.#epoch === null) return;
    this.#lists.set(exchange, instruments);
    this.#begin();
  }

  /** Ends the term and tries for a moment to write what is left. */
  async stop(): Promise<void> {
    this.endTerm();
    this.#isStopped = true;
    let cancel: CancelTimer = () => {};
    const patience = new Promise<void>(resolve => {
      cancel = this.#options.clock.setTimer(STOP_WITHIN_MS, resolve);
    });
    await Promise.race([this.#work, patience]);
    cancel();
    this.#cancelBeginning();
  }

  #addTerm(deed: Deed, afterMs = 0): void {
    this.#terms = [...this.#terms, deed].slice(-MOST_TERM_DEEDS);
    if (afterMs === 0) this.#begin();
    else if (!this.#isWriting) this.#beginLater(afterMs);
  }

  #beginLater(afterMs: number): void {
    this.#cancelBeginning();
    this.#cancelBeginning = this.#options.clock.setTimer(afterMs, () => this.#begin());
  }

  #begin(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#cancelBeginning();
    this.#work = this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    const { logger } = this.#options;
    try {
      while (this.#terms.length > 0 || this.#lists.size > 0) await this.#writeNext();
      this.#lastError = null;
    } catch (error) {
      // Said once: the health of the database is told elsewhere, and it may be away for long.
      const text = String(error);
      logger[text === this.#lastError ? 'debug' : 'warn'](
        { error: text },
        'leadership and instruments wait for the database',
      );
      this.#lastError = text;
      if (!this.#isStopped) this.#beginLater(RETRY_AFTER_MS);
    } finally {
      this.#isWriting = false;
    }
  }

  async #writeNext(): Promise<void> {
    const [deed] = this.#terms;
    if (deed !== undefined) {
      this.#judge(deed.epoch, await deed.write());
      this.#terms = this.#terms.filter(other => other !== deed);
      return;
    }
    for (const [exchange, list] of this.#lists) {
      await this.#saveList(exchange, list);
      if (this.#lists.get(exchange) === list) this.#lists.delete(exchange);
    }
  }

  async #saveList(exchange: ExchangeName, list: readonly Instrument[]): Promise<void> {
    const { store } = this.#options;
    const epoch = this.#epoch;
    if (epoch === null) return;
    const listed = list.filter(({ status }) => status !== 'delisted');
    for (let from = 0; from < list.length; from += INSTRUMENTS_AT_ONCE) {
      const some = list.slice(from, from + INSTRUMENTS_AT_ONCE);
      if (!this.#judge(epoch, await store.saveInstruments(epoch, some))) return;
      // The embedded database answers without leaving this turn of the event loop; frames may be waiting.
      await setImmediate();
    }
    const seenSince = Math.min(...listed.map(({ lastSeen }) => lastSeen));
    if (Number.isFinite(seenSince)) this.#judge(epoch, await store.delistUnseen(epoch, exchange, seenSince));
  }

  #judge(epoch: number, result: LeaderWriteResult): boolean {
    if (result === 'written') return true;
    const { logger, onRefused } = this.#options;
    logger.warn({ epoch }, 'a higher epoch has written: this one may not');
    if (epoch === this.#epoch) onRefused?.(epoch);
    return false;
  }
}
