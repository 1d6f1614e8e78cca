/**
 * One supervised exchange socket: it is kept up for as long as it is wanted, whatever happens to it, and never gives
 * up. What it decides is in `feed-transitions.ts`, what one socket goes through in `line.ts`; here the two are joined.
 */
import { fullJitterMs, RECONNECT_BACKOFF } from '../../shared/base/backoff.ts';
import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { ExchangeAdapter } from '../exchanges/exchange-adapter.ts';
import { conditionOf, type FeedCondition, type FeedMachineState, type LineNumber } from './feed-state.ts';
import { type FeedEffect, type FeedMachineEvent, stepFeed } from './feed-transitions.ts';
import { type FrameMeaning, Line } from './line.ts';
import { MarketRhythms } from './market-rhythms.ts';
import type { ConnectLimiter } from './rate-limit.ts';
import * as reasons from './reasons.ts';
import type { Dial } from './socket.ts';

/** A change of a feed's state, in words for people: a `feed` event before it is sealed. */
export type FeedReport = FeedCondition & { readonly key: string };

export type FeedOptions = {
  /** Names the feed among those of its exchange: `upbit-0`. */
  readonly key: string;
  readonly url: string;
  readonly adapter: Pick<ExchangeAdapter, 'limits' | 'heartbeat' | 'subscribeMessages' | 'subscriptionAnswers'>;
  readonly instruments: readonly Instrument[];
  /** Shared by all feeds of the exchange. */
  readonly limiter: ConnectLimiter;
  readonly dial: Dial;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /**
   * Called for every frame while it counts, in the order of arrival, and answers what it meant. During a planned
   * reconnection both sockets deliver for a moment: what follows drops trades it has seen.
   */
  readonly onFrame: (bytes: Uint8Array, receivedTime: EpochMillis, isFirst: boolean) => FrameMeaning;
  /** Everything that its exchange sent before this time has come. */
  readonly onProven?: (until: EpochMillis) => void;
  /** A new socket delivers beside the one before it, and everything has been asked of it: nothing changed its state. */
  readonly onRenewed?: () => void;
  /** What these brought while the feed was up has been missed: only now their subscription stands. */
  readonly onRegained?: (nativeCodes: ReadonlySet<string>) => void;
  /**
   * The new socket has taken over, and since it delivers nothing was heard on the old one, which may have been dead: what
   * it did not bring since it was heard last is missing.
   */
  readonly onUnproven?: (heardAt: EpochMillis) => void;
  readonly onState: (report: FeedReport) => void;
};

/** Both sockets of a planned reconnection deliver for this long: the last subscriptions take a round trip to begin. */
export const OVERLAP_MS = 1_000;
/** Markets that fell silent are looked for this often. */
export const MARKET_CHECK_MS = 10_000;
/** A check this late means that we slept: what came meanwhile has not been read yet. */
const LATE_MS = 2_000;

export class Feed {
  readonly key: string;
  readonly #options: FeedOptions;
  readonly #lines = new Map<LineNumber, Line>();
  readonly #closing = new Set<Promise<void>>();
  #state: FeedMachineState;
  #condition: FeedCondition;
  #instruments: readonly Instrument[];
  #lineCount = 0;
  #frameCount = 0;
  readonly #rhythms = new MarketRhythms();
  /** Of the overlap of two sockets: the old one, and since when (monotonic) the new one delivers. */
  #overlap: { readonly line: Line; readonly since: number } | null = null;
  #cancelWake: CancelTimer | null = null;
  #cancelSettle: CancelTimer | null = null;
  #cancelCheck: CancelTimer | null = null;

  constructor(options: FeedOptions) {
    this.key = options.key;
    this.#options = options;
    this.#instruments = options.instruments;
    this.#state = { name: 'idle', since: options.clock.now(), reason: 'not started' };
    this.#condition = conditionOf(this.#state);
  }

  start(): void {
    this.#dispatch({ type: 'start' });
    if (this.#cancelCheck === null) this.#checkLater();
  }

  /** No frame is handed over after the call. Resolves when nothing is open any more, within a second. */
  async stop(): Promise<void> {
    this.#dispatch({ type: 'stop' });
    this.#cancelWake?.();
    this.#cancelSettle?.();
    this.#cancelCheck?.();
    this.#cancelCheck = null;
    await Promise.all(this.#closing);
  }

  /** Carries these from now on; another set of codes means a planned reconnection. */
  setInstruments(instruments: readonly Instrument[]): void {
    const isSame = sameCodes(this.#instruments, instruments);
    this.#instruments = instruments;
    this.#rhythms.keep(new Set(instruments.map(({ symbol }) => symbol)));
    if (!isSame) this.#dispatch({ type: 'relisted' });
  }

  get report(): FeedReport {
    return { key: this.key, ...this.#condition };
  }

  /** Asks its socket for a sign of life, see {@link FeedOptions.onProven}. */
  probe(): void {
    if ('line' in this.#state) this.#lines.get(this.#state.line)?.ping();
  }

  get instruments(): readonly Instrument[] {
    return this.#instruments;
  }

  /** Since the feed was made: frames handed over, and lines begun. */
  get counts(): { readonly frames: number; readonly attempts: number } {
    return { frames: this.#frameCount, attempts: this.#lineCount };
  }

  #dispatch(event: FeedMachineEvent): void {
    const { clock, random } = this.#options;
    const { state, effects } = stepFeed(this.#state, event, {
      now: clock.now(),
      monotonic: clock.monotonic(),
      nextLine: () => ++this.#lineCount,
      backoffMs: failures => fullJitterMs(failures, RECONNECT_BACKOFF, random),
    });
    const before = this.#state;
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (before.name === 'live' && state.name === 'live' && before.line !== state.line) this.#tellIfUnproven();
    this.#tell(conditionOf(state));
  }

  #tell(condition: FeedCondition): void {
    const before = this.#condition;
    this.#condition = condition;
    if (condition.state !== before.state || condition.reason !== before.reason) this.#options.onState(this.report);
  }

  #carryOut(effect: FeedEffect): void {
    const { clock } = this.#options;
    switch (effect.type) {
      case 'dial':
        this.#startLine(effect.line);
        return;
      case 'release':
        this.#releaseLine(effect.line);
        return;
      case 'wake':
        this.#cancelWake?.();
        this.#cancelWake = clock.setTimer(effect.afterMs, () => this.#dispatch({ type: 'wake' }));
        return;
      case 'settle': {
        const { line } = effect;
        this.#cancelSettle?.();
        this.#beginOverlap();
        this.#cancelSettle = clock.setTimer(OVERLAP_MS, () => this.#dispatch({ type: 'settled', line }));
        this.#options.onRenewed?.();
        return;
      }
    }
  }

  #beginOverlap(): void {
    const old = this.#state.name === 'live' ? this.#lines.get(this.#state.line) : undefined;
    this.#overlap = old === undefined ? null : { line: old, since: this.#options.clock.monotonic() };
    old?.ping();
  }

  #tellIfUnproven(): void {
    const { clock, onUnproven } = this.#options;
    const overlap = this.#overlap;
    this.#overlap = null;
    if (overlap === null || overlap.line.heardAt > overlap.since) return;
    onUnproven?.(clock.now() - (clock.monotonic() - overlap.line.heardAt));
  }

  #startLine(line: LineNumber): void {
    const { url, adapter, limiter, dial, clock, random, onFrame } = this.#options;
    const options = {
      url,
      heartbeat: adapter.heartbeat,
      limits: adapter.limits,
      subscribeMessages: () => adapter.subscribeMessages(this.#instruments, undefined, this.#nameOf(line)),
      subscriptionAnswers: adapter.subscriptionAnswers,
      limiter,
      dial,
      clock,
      random,
    };
    const started = new Line(options, {
      onFrame: (bytes, receivedTime) => {
        this.#frameCount++;
        const meaning = onFrame(bytes, receivedTime, this.#isFirst(line));
        this.#listen(meaning);
        return meaning;
      },
      onData: () => this.#onData(line, started),
      onProven: until => {
        if (this.#isFirst(line)) this.#options.onProven?.(until);
      },
      onDelayed: reason => this.#dispatch({ type: 'delayed', line, reason }),
      onRefused: reason => this.#dispatch({ type: 'refused', line, reason }),
      onRegained: nativeCodes => this.#onRegained(line, nativeCodes),
      onQuiet: reason => this.#dispatch({ type: 'quiet', line, reason }),
      onReplaceDue: reason => this.#dispatch({ type: 'replaceDue', line, reason }),
      onEnded: (reason, pauseMs) => {
        this.#lines.delete(line);
        this.#dispatch({ type: 'ended', line, reason, pauseMs });
      },
    });
    this.#lines.set(line, started);
    started.start();
  }

  /** Whether it is not the second line of a planned reconnection. */
  #isFirst(line: LineNumber): boolean {
    return 'line' in this.#state && this.#state.line === line;
  }

  /** Runs for every frame of data: the state machine hears of it only where it may matter. */
  #onData(number: LineNumber, line: Line): void {
    const state = this.#state;
    if (state.name === 'live' && state.line === number) return;
    const isFirstLine = (state.name === 'connecting' || state.name === 'stale') && state.line === number;
    if (isFirstLine || line.isSubscribed) this.#dispatch({ type: 'data', line: number });
  }

  /** On a second line it is no loss, the first one still delivers; a feed that is not live misses everything. */
  #onRegained(line: LineNumber, nativeCodes: ReadonlySet<string>): void {
    if (this.#state.name === 'live' && this.#state.line === line) this.#options.onRegained?.(nativeCodes);
  }

  #listen(meaning: FrameMeaning): void {
    if (meaning.kind !== 'events' || meaning.events === undefined) return;
    const now = this.#options.clock.monotonic();
    for (const { symbol } of meaning.events) if (symbol !== null) this.#rhythms.beat(symbol, now);
  }

  #checkLater(): void {
    const { clock } = this.#options;
    const due = clock.monotonic() + MARKET_CHECK_MS;
    this.#cancelCheck = clock.setTimer(MARKET_CHECK_MS, () => {
      this.#checkMarkets(clock.monotonic(), clock.monotonic() - due > LATE_MS);
      this.#checkLater();
    });
  }

  /** A market that is silent against its rhythm may have lost its subscription: another socket is asked for all again. */
  #checkMarkets(now: number, isLate: boolean): void {
    const state = this.#state;
    if (state.name !== 'live' || isLate) {
      this.#rhythms.rest(now);
      return;
    }
    const [first, ...others] = this.#rhythms.silent(now);
    if (first === undefined) return;
    const all = others.length === 0 ? first.symbol : `${first.symbol} and ${others.length} more`;
    const reason = `no data of ${all} for ${reasons.seconds(first.silentMs)}, against the market's rhythm`;
    this.#dispatch({ type: 'refused', line: state.line, reason });
    this.#dispatch({ type: 'replaceDue', line: state.line, reason });
  }

  /** No other socket has it, be it of this process, of one before it or of another node. */
  #nameOf(line: LineNumber): string {
    const { clock, random } = this.#options;
    return `${this.key}.${line}.${clock.now().toString(36)}.${random().toString(36).slice(2, 10)}`;
  }

  #releaseLine(number: LineNumber): void {
    const gone = this.#lines.get(number)?.release();
    this.#lines.delete(number);
    if (gone === undefined) return;
    this.#closing.add(gone);
    gone.then(() => this.#closing.delete(gone));
  }
}

function sameCodes(some: readonly Instrument[], others: readonly Instrument[]): boolean {
  if (some.length !== others.length) return false;
  const codes = new Set(some.map(instrument => instrument.nativeCode));
  return others.every(instrument => codes.has(instrument.nativeCode));
}
