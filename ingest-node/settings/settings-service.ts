/**
 * The settings of a running node: always there, whatever the database does.
 *
 * Each second the store is asked for its version, which is also the health check; another version is read and told to
 * whoever listens. While the store cannot be used the last known settings serve, at a start those that the disk remembers,
 * without any the defaults. Nothing has to be done when the store comes back.
 */
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';
import { EXCHANGES, type ExchangeName, isExchangeName } from '../../shared/model/exchange.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import type { Logger } from '../operations/logger.ts';
import {
  type Carriage,
  carriageOf,
  changeBetween,
  DEFAULT_SETTINGS,
  namedSymbols,
  type Settings,
  type SettingsChange,
} from './settings.ts';
import type {
  SettingsAdministration,
  SettingsAnswer,
  SettingsRequest,
  SettingsSubject,
} from './settings-administration.ts';
import type { SettingsCache } from './settings-cache.ts';
import { DocumentFaults, readExchange, readSettings, readSwitches } from './settings-document.ts';
import type { AuditRecord, SettingsStore, StoredSettings, TermRecord } from './settings-store.ts';

export type SettingsServiceOptions = {
  readonly store: SettingsStore;
  readonly cache: SettingsCache;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names this node in audit records. */
  readonly node: string;
  /** Names the component in health: `mysql`. */
  readonly component: string;
  /** Symbols that an exchange lists, or `null` while that is not known. */
  readonly listedSymbols: (exchange: ExchangeName) => ReadonlySet<string> | null;
};

const POLL_EVERY_MS = 1_000;
/** No answer for this long: health says so, while the call itself may still come to an end. */
const ANSWER_WITHIN_MS = 1_500;
/** A start waits this long for the database; then the last known settings have to do. */
const START_WITHIN_MS = 5_000;
/** Who writes rows by hand may forget the version. */
const READ_ANYWAY_EVERY_MS = 5_000;
const FAULTS_TOLD = 5;

export class SettingsService implements SettingsAdministration {
  readonly #options: SettingsServiceOptions;
  readonly #listeners = new Set<(change: SettingsChange) => void>();
  #settings: Settings = DEFAULT_SETTINGS;
  #carriage: Carriage = carriageOf(DEFAULT_SETTINGS);
  #version = 0;
  /** Whether what we know came from the store, and the schema was seen to be there. */
  #isInStep = false;
  #readAt = Number.NEGATIVE_INFINITY;
  #stateWhenReached: 'up' | 'degraded' = 'up';
  #health: ComponentHealth;
  #turn: Promise<unknown> = Promise.resolve();
  #poll: Promise<void> | null = null;
  #saving: Promise<void> = Promise.resolve();
  #cancelPoll: CancelTimer = () => {};
  #isStopped = false;

  constructor(options: SettingsServiceOptions) {
    this.#options = options;
    const { clock, component: name } = options;
    this.#health = { name, enabled: true, state: 'down', since: clock.now(), latencyMs: null, lastError: null };
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** What may be used; whoever runs a service asks at its start and listens to {@link onChange}. */
  get switches(): Settings['switches'] {
    return this.#settings.switches;
  }

  get version(): number {
    return this.#version;
  }

  /** What is carried under the settings of this moment: to be asked anew each time. */
  get carriage(): Carriage {
    return this.#carriage;
  }

  get health(): ComponentHealth {
    return this.#health;
  }

  /** Called after each change, whoever made it. The answer ends that. */
  onChange(listener: (change: SettingsChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves with the best settings that can be had within five seconds. Never rejects. */
  async start(): Promise<void> {
    const { cache, logger } = this.#options;
    try {
      const cached = await cache.read();
      if (cached !== null) this.#take(cached.version, cached.settings);
    } catch (error) {
      logger.warn({ error: textOf(error) }, 'the cached settings cannot be read');
    }
    await this.#check(START_WITHIN_MS);
    this.#pollLater();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelPoll();
    await within(this.#turn, ANSWER_WITHIN_MS, this.#options.clock).catch(() => {});
    await this.#saving;
  }

  show(subject: SettingsSubject): SettingsAnswer {
    if (subject.kind !== 'exchange') {
      const document = subject.kind === 'settings' ? this.#settings : this.#settings.switches;
      return { kind: 'ok', version: this.#version, document };
    }
    const { exchange } = subject;
    if (!isExchangeName(exchange)) return { kind: 'unknownSubject', message: `there is no exchange "${exchange}"` };
    return { kind: 'ok', version: this.#version, document: this.#settings.exchanges[exchange] };
  }

  async change(request: SettingsRequest): Promise<SettingsAnswer> {
    const { state, lastError } = this.#health;
    // Known already, so nobody has to wait for it: the polls find out when the store is back.
    if (state === 'down') return { kind: 'unavailable', reason: lastError ?? 'the database is not reached yet' };
    return this.#inTurn(() => this.#change(request)).catch(error => {
      return { kind: 'unavailable', reason: textOf(error) };
    });
  }

  audit(limit: number): Promise<readonly AuditRecord[]> {
    return this.#options.store.audit(limit);
  }

  terms(limit: number): Promise<readonly TermRecord[]> {
    return this.#options.store.terms(limit);
  }

  async #change({ subject, document, expectedVersion, who }: SettingsRequest): Promise<SettingsAnswer> {
    const { store, clock, node } = this.#options;
    const before = this.show(subject);
    if (before.kind !== 'ok') return before;
    const faults = new DocumentFaults();
    this.#nameUnlisted(applyDocument(this.#settings, subject, document, faults), faults);
    if (faults.list().length > 0) return { kind: 'invalid', faults: faults.list() };
    // Another node may have changed something since the last poll.
    await this.#catchUp();
    const version = this.#version;
    if (expectedVersion !== 'any' && expectedVersion !== version) return { kind: 'conflict', version };
    const settings = applyDocument(this.#settings, subject, document, faults);
    const known = this.show(subject);
    const audit = {
      time: clock.now(),
      who,
      node,
      subject: subject.kind === 'exchange' ? `exchanges/${subject.exchange}` : subject.kind,
      before: JSON.stringify(known.kind === 'ok' ? known.document : null),
      after: JSON.stringify(partOf(settings, subject)),
    };
    const result = await store.write({ expectedVersion: version, settings, audit }).catch(error => {
      throw new Error(`${textOf(error)}; read the settings again, since it may have been made all the same`);
    });
    if (!result.ok) {
      await this.#catchUp();
      return { kind: 'conflict', version: this.#version };
    }
    // All rows are new: none that made no sense is left.
    this.#learn({ version: result.version, settings, faults: [] });
    return this.show(subject);
  }

  /** A symbol that nobody lists is a slip of the pen, unless it was there before: markets come and go. */
  #nameUnlisted(settings: Settings, faults: DocumentFaults): void {
    for (const exchange of EXCHANGES) {
      const listed = this.#options.listedSymbols(exchange);
      const known = new Set(namedSymbols(this.#settings.exchanges[exchange].markets));
      for (const symbol of listed === null ? [] : namedSymbols(settings.exchanges[exchange].markets)) {
        if (!known.has(symbol) && !listed?.has(symbol)) faults.add(`${exchange} does not list ${symbol}`);
      }
    }
  }

  #pollLater(): void {
    if (this.#isStopped) return;
    this.#cancelPoll = this.#options.clock.setTimer(POLL_EVERY_MS, () => {
      void this.#check(ANSWER_WITHIN_MS).then(() => this.#pollLater());
    });
  }

  /** One round trip, and what it says about the store's health. A trip that is still under way is waited for again. */
  async #check(withinMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#poll ??= this.#inTurn(() => this.#catchUp()).finally(() => {
      this.#poll = null;
    });
    try {
      await within(this.#poll, withinMs, clock);
    } catch (error) {
      this.#become('down', textOf(error));
    }
  }

  async #catchUp(): Promise<void> {
    const { store, clock } = this.#options;
    try {
      if (!this.#isInStep) await store.migrate();
      const askedAt = clock.monotonic();
      const version = await store.version();
      const latencyMs = Math.round((clock.monotonic() - askedAt) * 100) / 100;
      const isDue = this.#stateWhenReached === 'degraded' || askedAt - this.#readAt >= READ_ANYWAY_EVERY_MS;
      if (!this.#isInStep || version !== this.#version || isDue) {
        this.#learn(await store.read());
        this.#readAt = askedAt;
      }
      this.#isInStep = true;
      this.#health = { ...this.#health, latencyMs };
      if (this.#health.state === 'down') this.#become(this.#stateWhenReached, null);
    } catch (error) {
      // It may come back as another database, or an older state of it.
      this.#isInStep = false;
      throw error;
    }
  }

  #learn({ version, settings, faults }: StoredSettings): void {
    this.#stateWhenReached = faults.length === 0 ? 'up' : 'degraded';
    const told = faults.slice(0, FAULTS_TOLD).join('; ');
    const more = faults.length > FAULTS_TOLD ? `; and ${faults.length - FAULTS_TOLD} more` : '';
    this.#become(this.#stateWhenReached, faults.length === 0 ? null : `${faults.length} rows skipped: ${told}${more}`);
    this.#take(version, settings);
  }

  #take(version: number, settings: Settings): void {
    const { cache, logger } = this.#options;
    const isKnown = version === this.#version;
    const change = changeBetween(this.#settings, settings, version);
    this.#version = version;
    this.#settings = settings;
    if (change !== null) this.#carriage = carriageOf(settings);
    if (!isKnown || change !== null) {
      this.#saving = this.#saving
        .then(() => cache.write({ version, settings }))
        .catch(error => logger.warn({ error: textOf(error) }, 'the settings cannot be cached'));
    }
    if (change === null) return;
    const { exchanges, switches } = change;
    logger.info({ version, exchanges, switches }, 'the settings changed');
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        logger.error({ error: textOf(error) }, 'a change of the settings could not be carried out');
      }
    }
  }

  #become(state: ComponentHealth['state'], error: string | null): void {
    const { clock, logger, component } = this.#options;
    const { state: before, since, lastError } = this.#health;
    if (state !== before || (error !== null && error !== lastError)) {
      const details = error === null ? {} : { error };
      if (state === 'up') logger.info(details, `${component}: reached`);
      else logger.warn(details, `${component}: ${state}`);
    }
    const isSame = state === before;
    this.#health = {
      ...this.#health,
      state,
      since: isSame ? since : clock.now(),
      latencyMs: state === 'down' ? null : this.#health.latencyMs,
      lastError: error ?? lastError,
    };
  }

  /** One after the other: what is read is never older than what was written before. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

function applyDocument(
  settings: Settings,
  subject: SettingsSubject,
  document: unknown,
  faults: DocumentFaults,
): Settings {
  switch (subject.kind) {
    case 'settings':
      return readSettings(document, faults);
    case 'exchange': {
      const exchange = readExchange(document, subject.exchange, faults);
      return { ...settings, exchanges: { ...settings.exchanges, [subject.exchange]: exchange } };
    }
    case 'switches':
      return { ...settings, switches: readSwitches(document, 'switches', faults) };
  }
}

function partOf(settings: Settings, subject: SettingsSubject): unknown {
  switch (subject.kind) {
    case 'settings':
      return settings;
    case 'exchange':
      return isExchangeName(subject.exchange) ? settings.exchanges[subject.exchange] : null;
    case 'switches':
      return settings.switches;
  }
}

/** Of a refused connection the driver says it in the code alone. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return error.message || code || error.name;
}
