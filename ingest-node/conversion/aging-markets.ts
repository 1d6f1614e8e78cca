/**
 * Remembers entries of markets for at least a promised time.
 *
 * Two generations: entries go into the young one; when it is as old as the promised time it becomes the old one and the
 * former old one is forgotten at once. So an entry is known for one to two such times, and forgetting costs nothing per
 * entry. A market that goes quiet keeps its last entries for good.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/** How many entries a quiet market keeps. One would do if trades always came in order. */
const QUIET_ENTRIES = 8;

/** The entries of one market and generation. */
export interface AgingEntries {
  readonly size: number;
  /** Adds no more than so many to another of the same kind: those that came last, in their order. */
  copyLast(most: number, into: AgingEntries): void;
}

/** The two generations of one market; `null` while nothing has come in it. */
export type AgingMarket<Entries> = {
  readonly exchange: ExchangeName;
  young: Entries | null;
  old: Entries | null;
};

export class AgingMarkets<Entries extends AgingEntries> {
  readonly #keepMs: number;
  readonly #most: number;
  readonly #create: (exchange: ExchangeName) => Entries;
  readonly #markets = new Map<ExchangeName, Map<string, AgingMarket<Entries>>>();
  #youngSince: EpochMillis | null = null;
  #youngSize = 0;
  #oldSize = 0;
  #earlyRotations = 0;

  /** @param most entries of one generation: when it is full it ages early, and the promised time is shorter */
  constructor(keepMs: number, most: number, create: (exchange: ExchangeName) => Entries) {
    this.#keepMs = keepMs;
    this.#most = most;
    this.#create = create;
  }

  /** {@link age} is to be called before. */
  at(exchange: ExchangeName, symbol: string): AgingMarket<Entries> {
    let markets = this.#markets.get(exchange);
    if (markets === undefined) {
      markets = new Map();
      this.#markets.set(exchange, markets);
    }
    let market = markets.get(symbol);
    if (market === undefined) {
      market = { exchange, young: null, old: null };
      markets.set(symbol, market);
    }
    return market;
  }

  /** Where to put an entry that is in neither generation so far. */
  grow(market: AgingMarket<Entries>): Entries {
    this.#youngSize += 1;
    market.young ??= this.#create(market.exchange);
    return market.young;
  }

  /** Nothing is known of this market any more. */
  forget(exchange: ExchangeName, symbol: string): void {
    const market = this.#markets.get(exchange)?.get(symbol);
    if (market === undefined) return;
    this.#youngSize -= market.young?.size ?? 0;
    this.#oldSize = Math.max(0, this.#oldSize - (market.old?.size ?? 0));
    market.young = null;
    market.old = null;
  }

  age(now: EpochMillis): void {
    // A clock that was set back must not make a generation live longer than it would have.
    if (this.#youngSince === null || now < this.#youngSince) this.#youngSince = now;
    const isFull = this.#youngSize >= this.#most;
    const age = now - this.#youngSince;
    if (!isFull && age < this.#keepMs) return;
    if (isFull && age < this.#keepMs) this.#earlyRotations += 1;
    this.#rotate();
    if (age >= 2 * this.#keepMs) this.#rotate();
    this.#youngSince = now;
  }

  /** How many entries are known at the moment, those of quiet markets not counted. */
  get size(): number {
    return this.#youngSize + this.#oldSize;
  }

  /** How often a generation had to age before its time because it was full. */
  get earlyRotations(): number {
    return this.#earlyRotations;
  }

  #rotate(): void {
    for (const markets of this.#markets.values()) {
      for (const market of markets.values()) {
        market.old = this.#aged(market);
        market.young = null;
      }
    }
    this.#oldSize = this.#youngSize;
    this.#youngSize = 0;
  }

  /** The young generation, but in a market that has become quiet with those that came last before it. */
  #aged({ exchange, young, old }: AgingMarket<Entries>): Entries | null {
    const missing = QUIET_ENTRIES - (young?.size ?? 0);
    if (old === null || missing <= 0) return young;
    if (young === null && old.size <= QUIET_ENTRIES) return old;
    const aged = this.#create(exchange);
    old.copyLast(missing, aged);
    young?.copyLast(QUIET_ENTRIES, aged);
    return aged;
  }
}
