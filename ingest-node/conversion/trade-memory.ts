/**
 * Rule TRD1: a trade is published once. Remembers each instrument's trade ids for at least ten minutes.
 *
 * Two generations: ids enter the young one; when it is as old as the promised time it becomes the old one and the
 * former old one is forgotten at once. So an id is known for one to two such times, and forgetting costs nothing per id.
 *
 * An instrument that goes quiet keeps its last ids for good: Upbit and Bithumb answer each subscription with the last
 * trade of every market, and in a quiet market that trade is hours old. Forgetting it would publish it again at every
 * reconnect.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { contentOf, hasFetchedId } from './fetched-trade.ts';

const DEFAULT_REMEMBER_MS = 600_000;
const DEFAULT_MAX_IDS = 2_000_000;
/** How many ids a quiet instrument keeps. One would do if trades always came in order. */
const QUIET_IDS = 8;

export type TradeMemoryOptions = {
  /** An id stays known for at least this long: 600000 unless told. */
  readonly rememberMs?: number;
  /**
   * Most ids of one generation (the memory holds at most two of them): 2000000 unless told. When it is full it ages
   * early; the promised time is then shorter, which {@link TradeMemory.earlyRotations} shows.
   */
  readonly maxIds?: number;
};

type Generation = Map<string, Set<string>>;

export class TradeMemory {
  readonly #rememberMs: number;
  readonly #maxIds: number;
  readonly #quiet = new Map<string, readonly string[]>();
  #young: Generation = new Map();
  #old: Generation = new Map();
  #youngSince: EpochMillis | null = null;
  #youngIds = 0;
  #oldIds = 0;
  #earlyRotations = 0;

  constructor(options: TradeMemoryOptions = {}) {
    this.#rememberMs = options.rememberMs ?? DEFAULT_REMEMBER_MS;
    this.#maxIds = options.maxIds ?? DEFAULT_MAX_IDS;
  }

  /** Takes note of a trade. `true` when it was not known: publish it; `false`: it is a duplicate. */
  admit(exchange: ExchangeName, symbol: string, id: string, now: EpochMillis): boolean {
    this.#rotateIfDue(now);
    const key = `${exchange}:${symbol}`;
    if (this.#knows(key, id)) return false;
    let young = this.#young.get(key);
    if (young === undefined) {
      young = new Set();
      this.#young.set(key, young);
    }
    young.add(id);
    this.#youngIds += 1;
    return true;
  }

  /** The same for a trade, which may have been published under another id. */
  admitTrade(trade: Trade, now: EpochMillis): boolean {
    const { exchange, symbol, id } = trade;
    let isKnown = false;
    if (trade.backfilled === true) {
      const content = contentOf(trade);
      if (hasFetchedId(trade)) this.admit(exchange, symbol, content, now);
      else isKnown = this.#knows(`${exchange}:${symbol}`, content);
    }
    return this.admit(exchange, symbol, id, now) && !isKnown;
  }

  /** How many ids are known at the moment, those of quiet instruments not counted. */
  get size(): number {
    return this.#youngIds + this.#oldIds;
  }

  /** How often a generation had to age before its time because it was full. */
  get earlyRotations(): number {
    return this.#earlyRotations;
  }

  #knows(key: string, id: string): boolean {
    return (
      this.#young.get(key)?.has(id) === true ||
      this.#old.get(key)?.has(id) === true ||
      this.#quiet.get(key)?.includes(id) === true
    );
  }

  #rotateIfDue(now: EpochMillis): void {
    // A clock that was set back must not make a generation live longer than it would have.
    if (this.#youngSince === null || now < this.#youngSince) this.#youngSince = now;
    const isFull = this.#youngIds >= this.#maxIds;
    const age = now - this.#youngSince;
    if (!isFull && age < this.#rememberMs) return;
    if (isFull && age < this.#rememberMs) this.#earlyRotations += 1;
    const isStale = age >= 2 * this.#rememberMs;
    this.#retire(this.#old, this.#young);
    if (isStale) this.#retire(this.#young, new Map());
    this.#old = isStale ? new Map() : this.#young;
    this.#oldIds = isStale ? 0 : this.#youngIds;
    this.#young = new Map();
    this.#youngIds = 0;
    this.#youngSince = now;
  }

  /** Forgets a generation, but for the last ids of instruments that its successor does not know. */
  #retire(generation: Generation, successor: Generation): void {
    for (const [key, ids] of generation) {
      if (successor.has(key)) continue;
      const earlier = this.#quiet.get(key) ?? [];
      this.#quiet.set(key, [...earlier, ...ids].slice(-QUIET_IDS));
    }
  }
}
