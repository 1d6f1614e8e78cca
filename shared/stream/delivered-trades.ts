import { type Clock, systemClock } from '../base/clock.ts';
import type { MarketEvent, Trade } from '../model/market-event.ts';
import type { Lineage } from '../wire/position.ts';
import { VoidTrades } from './void-trades.ts';

/** A server's history reaches back 60 s; as much again for what a deposed leader told nobody but us. */
const REMEMBER_MS = 120_000;
const REMEMBER_MOST = 200_000;
/** As long as the nodes remember a trade's id. */
const RETURN_WITHIN_MS = 600_000;

/** Trades are forgotten a slice at a time: one second of them, or this part of all that may be remembered. */
const SLICE_MS = 1_000;
const SLICES = 200;

export type DeliveredTradesOptions = {
  readonly clock?: Clock;
  /** A trade is remembered for at least this long, and a second more at most while trades come: 120000 unless told. */
  readonly rememberMs?: number;
  /** Most trades remembered, and most that are held void; 200000 of each unless told. */
  readonly rememberMost?: number;
  /** How long after a divergence trades may come again: 600000 unless told. */
  readonly returnWithinMs?: number;
};

/** In the order of their offsets. */
type Slice = { readonly epoch: number; readonly since: number; readonly trades: Trade[] };

/**
 * Rule TRD1, the consumer's half: after it diverged, it drops trades that it has delivered already.
 *
 * What a consumer had of an epoch beyond its end, no successor knows; the exchanges do, so the successor fetches those
 * trades and publishes them as new. All others the successor knows as well and does not publish again, so they are never
 * held against a trade that comes.
 *
 * Until a snapshot shows an end, a delivered trade costs one push onto an array: keys are made for void trades only.
 *
 * @example
 * const delivered = new DeliveredTrades();
 * const source = new ResilientSource({
 *   sources,
 *   onSnapshot: snapshot => { delivered.beginAnew(snapshot.lineage); show(snapshot.events); },
 *   onBatch: batch => { for (const event of delivered.deliver(batch)) handle(event); },
 * });
 */
export class DeliveredTrades {
  readonly #clock: Clock;
  readonly #rememberMs: number;
  readonly #rememberMost: number;
  readonly #returnWithinMs: number;
  readonly #void: VoidTrades;
  #voidUntil = 0;
  #slices: Slice[] = [];
  #remembered = 0;
  #repeated = 0;

  constructor({ clock = systemClock, ...options }: DeliveredTradesOptions = {}) {
    this.#clock = clock;
    this.#rememberMs = options.rememberMs ?? REMEMBER_MS;
    this.#rememberMost = options.rememberMost ?? REMEMBER_MOST;
    this.#returnWithinMs = options.returnWithinMs ?? RETURN_WITHIN_MS;
    this.#void = new VoidTrades(this.#rememberMost);
  }

  /** How many trades are remembered as delivered at the moment. */
  get remembered(): number {
    return this.#remembered;
  }

  /** How many trades were dropped because they had been delivered. */
  get repeated(): number {
    return this.#repeated;
  }

  /**
   * What of a batch is to be delivered, and will be: what is wanted, without trades that had been delivered. A trade that
   * was not wanted when it came was not delivered; it passes when it comes again and is.
   */
  deliver(
    { epoch, events }: { readonly epoch: number; readonly events: readonly MarketEvent[] },
    isWanted: (event: MarketEvent) => boolean = () => true,
  ): MarketEvent[] {
    const now = this.#clock.monotonic();
    if (now >= this.#voidUntil) this.#void.clear();
    this.#forget(now);
    const news: MarketEvent[] = [];
    for (const event of events) {
      if (event.type === 'trade' && this.#void.size > 0 && this.#void.take(event)) {
        this.#repeated++;
        // This place may turn out void as well, and then the trade comes a third time.
        this.#remember(event, epoch, now);
      } else if (isWanted(event)) {
        news.push(event);
        if (event.type === 'trade') this.#remember(event, epoch, now);
      }
    }
    return news;
  }

  /**
   * A snapshot has come, of whatever reason: trades beyond the ends that its lineage shows are void. One marked `lost`
   * shows them as well, when history does not reach back to where a consumer took the wrong turn.
   */
  beginAnew(lineage: Lineage): void {
    const now = this.#clock.monotonic();
    if (now >= this.#voidUntil) this.#void.clear();
    const ends = new Map(lineage.map(({ epoch, end }) => [epoch, end]));
    const open: Slice[] = [];
    for (const slice of this.#slices) {
      const end = ends.get(slice.epoch);
      if (end === undefined) {
        open.push(slice);
        continue;
      }
      this.#remembered -= slice.trades.length;
      for (const trade of slice.trades) {
        if (trade.offset <= end) continue;
        this.#void.add(trade);
        this.#voidUntil = now + this.#returnWithinMs;
      }
    }
    this.#slices = open;
  }

  #remember(trade: Trade, epoch: number, now: number): void {
    const last = this.#slices.at(-1);
    const isFull = last === undefined || last.trades.length * SLICES >= this.#rememberMost;
    if (isFull || last.epoch !== epoch || now - last.since >= SLICE_MS) {
      this.#slices.push({ epoch, since: now, trades: [trade] });
    } else {
      last.trades.push(trade);
    }
    this.#remembered++;
    if (this.#remembered > this.#rememberMost) this.#forget(now);
  }

  #forget(now: number): void {
    const isOver = ({ since }: Slice) =>
      this.#remembered > this.#rememberMost || now - since >= this.#rememberMs + SLICE_MS;
    while (this.#slices.length > 0 && isOver(this.#slices[0]!)) this.#remembered -= this.#slices.shift()!.trades.length;
  }
}
