import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import type { FeedStateName, MarketEvent } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { AwakeClock } from './awake-clock.ts';
import { FramePause } from './frame-pause.ts';

/** After a feed delivers again, until its subscription has surely been answered for every instrument. */
export const SETTLE_MS = 1_500;

export type FeedInterruptionsOptions = {
  readonly clock: Clock;
  /** Trades of these may go by unseen from now on, or may have since this time. */
  readonly onInterrupted: (symbols: readonly string[], since?: EpochMillis) => void;
  /** So it was on a socket that stayed open: frames stayed away for longer than its pace explains. */
  readonly onPaused: (symbols: readonly string[]) => void;
  /** All of these have been asked for: what happens from here on is missed if it does not come. */
  readonly onSubscribed: (symbols: readonly string[]) => void;
  /** The feed has delivered for so long that each of these is subscribed again. */
  readonly onSettled: (symbols: readonly string[]) => void;
};

/** Of one feed: by when frames came, and by when the exchange says that they happened. */
type FeedPauses = { readonly received: FramePause; readonly told: FramePause };

/**
 * When one exchange's feeds may have missed something of their instruments, and when each interruption is over: a socket
 * ends or begins, and frames stay away on one that never closed. Says nothing before {@link start} and after {@link stop}.
 */
export class FeedInterruptions {
  readonly #options: FeedInterruptionsOptions;
  readonly #awake: AwakeClock;
  /** By feed: what it carries, its pace, and what is due once it has settled. */
  readonly #carried = new Map<string, readonly string[]>();
  readonly #pauses = new Map<string, FeedPauses>();
  readonly #settling = new Map<string, CancelTimer>();
  #isRunning = false;

  constructor(options: FeedInterruptionsOptions) {
    this.#options = options;
    this.#awake = new AwakeClock(options.clock);
  }

  start(): void {
    this.#isRunning = true;
    this.#awake.start();
  }

  stop(): void {
    this.#isRunning = false;
    this.#awake.stop();
    for (const cancel of this.#settling.values()) cancel();
    this.#settling.clear();
    this.#pauses.clear();
    this.#carried.clear();
  }

  /** No interruption is so young that it is still waited for what comes by itself. */
  get isSettled(): boolean {
    return this.#settling.size === 0;
  }

  /** The instruments of all feeds that are live. */
  carried(): string[] {
    return [...this.#carried.values()].flat();
  }

  /**
   * A feed that carries these instruments changed its state.
   *
   * @param subscribingMs how long a new socket takes to ask for all of them: until then trades may still go by unseen
   */
  onFeedState(key: string, state: FeedStateName, symbols: Iterable<string>, subscribingMs: number): void {
    if (!this.#isRunning) return;
    const carried = [...symbols];
    this.#cancelSettling(key);
    if (state !== 'live') {
      this.#pauses.delete(key);
      this.#carried.delete(key);
      this.#options.onInterrupted(carried);
      return;
    }
    this.#carried.set(key, carried);
    const subscribed = () => {
      this.#options.onSubscribed(carried);
      this.#settleLater(key, carried);
    };
    this.#settling.set(key, this.#options.clock.setTimer(subscribingMs, subscribed));
  }

  /** A feed that stayed live may have missed something of these instruments since this time. */
  missedSince(key: string, symbols: readonly string[], since: EpochMillis): void {
    if (!this.#isRunning) return;
    this.#cancelSettling(key);
    this.#options.onInterrupted(symbols, since);
    this.#settleLater(key, symbols);
  }

  /** A frame of a feed came and has not been converted yet. */
  beforeFrame(key: string, symbols: () => Iterable<string>): void {
    if (this.#pausesOf(key).received.beat(this.#awake.now())) this.#paused(key, symbols());
  }

  /**
   * It was converted, and its trades are not known to anybody yet: the exchange's own times tell of a pause of which this
   * process slept through a part. Where a feed has just begun, they may be as old as its quietest book.
   */
  beforeEvents(key: string, symbols: () => Iterable<string>, events: readonly MarketEvent[]): void {
    const { told } = this.#pausesOf(key);
    let isPaused = false;
    for (const { exchangeTime } of events) if (exchangeTime !== null && told.beat(exchangeTime)) isPaused = true;
    if (isPaused && !this.#settling.has(key)) this.#paused(key, symbols());
  }

  #pausesOf(key: string): FeedPauses {
    let pauses = this.#pauses.get(key);
    if (pauses === undefined) {
      pauses = { received: new FramePause(), told: new FramePause() };
      this.#pauses.set(key, pauses);
    }
    return pauses;
  }

  #paused(key: string, symbols: Iterable<string>): void {
    if (!this.#isRunning) return;
    const carried = [...symbols];
    this.#cancelSettling(key);
    this.#options.onInterrupted(carried);
    this.#options.onPaused(carried);
    this.#settleLater(key, carried);
  }

  #cancelSettling(key: string): void {
    this.#settling.get(key)?.();
    this.#settling.delete(key);
  }

  #settleLater(key: string, symbols: readonly string[]): void {
    const settled = () => {
      this.#settling.delete(key);
      this.#options.onSettled(symbols);
    };
    this.#settling.set(key, this.#options.clock.setTimer(SETTLE_MS, settled));
  }
}
