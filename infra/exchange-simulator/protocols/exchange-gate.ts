import { RestFaults } from '../control/rest-faults.ts';
import { SubscribeFaults } from '../control/subscribe-faults.ts';
import { type ClientLimits, UNLIMITED } from '../limits/exchange-limits.ts';
import type { ExchangeName } from '../market/instruments.ts';
import { FrameFaults, type Round } from './frame-faults.ts';

/** How a refused client is turned away: an HTTP answer as from a broken proxy, or no answer at all. */
export const REFUSALS = ['http502', 'http503', 'destroy'] as const;
export type Refusal = (typeof REFUSALS)[number];

/**
 * Between one exchange and its sockets: counts what passes, and holds back what a fault says. All times are epoch
 * milliseconds of the simulator's clock.
 */
export class ExchangeGate {
  readonly exchange: ExchangeName;
  readonly now: () => number;
  /** Who is let in, and how often. */
  readonly limits: ClientLimits;
  /** What is ordered to befall single frames, REST calls and subscriptions. */
  readonly frames = new FrameFaults();
  readonly restFaults = new RestFaults();
  readonly subscribeFaults = new SubscribeFaults();
  connects = 0;
  framesSent = 0;
  bytesSent = 0;
  /** Frames that a fault or a full socket swallowed. */
  framesHeld = 0;
  restRequests = 0;
  stalledUntilMs = 0;
  refusedUntilMs = 0;
  refusal: Refusal = 'http503';
  /** While this is ahead, Binance's snapshot call goes on showing the book as it stood. */
  snapshotsHeldUntilMs = 0;
  /** Lets everything happen, and be told, that is due by now. */
  catchUp: () => void = () => {};
  /** How far the exchange's own clock is off, milliseconds, a multiple of 100. */
  skewMs = 0;

  constructor(exchange: ExchangeName, now: () => number, limits: ClientLimits = UNLIMITED) {
    this.exchange = exchange;
    this.now = now;
    this.limits = limits;
  }

  /** Now by the exchange's own clock: what it prints. */
  exchangeNow(): number {
    return this.now() + this.skewMs;
  }

  get isStalled(): boolean {
    return this.stalledUntilMs > 0 && this.now() < this.stalledUntilMs;
  }

  get isRefusing(): boolean {
    return this.refusedUntilMs > 0 && this.now() < this.refusedUntilMs;
  }

  get holdsSnapshots(): boolean {
    return this.snapshotsHeldUntilMs > 0 && this.now() < this.snapshotsHeldUntilMs;
  }

  /** How an event's frame goes out to the sockets; null when it must be swallowed. */
  round(channel: string, topic: string): Round | null {
    const round = this.frames.begin(channel, topic);
    if (round === null) this.framesHeld += 1;
    return round;
  }

  /** True when the frame that is about to go out must be swallowed. */
  takeSkip(channel: string): boolean {
    return this.round(channel, channel) === null;
  }

  /** End every fault that is under way. */
  clear(): void {
    this.stalledUntilMs = 0;
    this.refusedUntilMs = 0;
    this.snapshotsHeldUntilMs = 0;
    this.frames.clear();
    this.restFaults.clear();
    this.limits.clear();
    this.subscribeFaults.clear();
  }
}
