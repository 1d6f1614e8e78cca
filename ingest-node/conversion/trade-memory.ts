/**
 * Rule TRD1: a trade is published once. Remembers which trades of each instrument were published, for at least ten minutes.
 *
 * By id; and at an exchange whose REST lists number trades otherwise than its frames (Bithumb, Coinone) by what they say as
 * well. There nothing but the count tells equal trades apart: as many are published as the frames or a page have shown,
 * whichever shows more. So a trade that was fetched is not published again when a frame brings it after all, nor the other
 * way round, and it does no harm to fetch the same time twice.
 *
 * An instrument that goes quiet keeps its last trades for good: Upbit and Bithumb answer each subscription with the last
 * trade of every market, and in a quiet market that trade is hours old. Forgetting it would publish it again at every
 * reconnect.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { AgingMarkets } from './aging-markets.ts';
import { EqualTrades } from './equal-trades.ts';
import { contentOf, countBy, hasFetchedId } from './fetched-trade.ts';
import { IdRanges } from './id-ranges.ts';
import type { IdSet } from './id-set.ts';
import { IdTable } from './id-table.ts';
import { TextDigest } from './text-digest.ts';

const DEFAULT_REMEMBER_MS = 600_000;
const DEFAULT_MAX_IDS = 2_000_000;
const NO_EXCHANGES: ReadonlySet<ExchangeName> = new Set();

export type TradeMemoryOptions = {
  /** A trade stays known for at least this long: 600000 unless told. */
  readonly rememberMs?: number;
  /**
   * Most ids of one generation (the memory holds at most two of them): 2000000 unless told. When it is full it ages
   * early; the promised time is then shorter, which {@link TradeMemory.earlyRotations} shows.
   */
  readonly maxIds?: number;
  /** Exchanges whose REST lists number trades otherwise than their frames: none unless told. */
  readonly separateIds?: ReadonlySet<ExchangeName>;
  /** Exchanges whose ids go up by one: none unless told. It takes less room to remember them, and is no promise. */
  readonly contiguousIds?: ReadonlySet<ExchangeName>;
};

export class TradeMemory {
  readonly #ids: AgingMarkets<IdSet>;
  readonly #equals: AgingMarkets<EqualTrades>;
  readonly #separateIds: ReadonlySet<ExchangeName>;

  constructor(options: TradeMemoryOptions = {}) {
    const { rememberMs = DEFAULT_REMEMBER_MS, maxIds = DEFAULT_MAX_IDS } = options;
    const { separateIds = NO_EXCHANGES, contiguousIds = NO_EXCHANGES } = options;
    const createIds = (exchange: ExchangeName) => (contiguousIds.has(exchange) ? new IdRanges() : new IdTable());
    this.#ids = new AgingMarkets(rememberMs, maxIds, createIds);
    this.#equals = new AgingMarkets(rememberMs, maxIds, () => new EqualTrades());
    this.#separateIds = separateIds;
  }

  /** A trade of a frame, or one that was fetched and is {@link unpublished}. `false`: it was published before. */
  admit(trade: Trade, now: EpochMillis): boolean {
    if (!this.#noteId(trade, now)) return false;
    if (!this.#separateIds.has(trade.exchange)) return true;
    const isFetched = hasFetchedId(trade);
    const digest = digestOf(trade);
    const equals = this.#equalsOf(trade, digest, now);
    if (!isFetched && equals.see(digest)) return false;
    equals.publish(digest, isFetched);
    return true;
  }

  /** A trade that another node published. */
  remember(trade: Trade, now: EpochMillis): void {
    if (!this.#noteId(trade, now) || !this.#separateIds.has(trade.exchange)) return;
    const digest = digestOf(trade);
    this.#equalsOf(trade, digest, now).publish(digest, hasFetchedId(trade));
  }

  /** The exchange numbers the trades of this instrument anew: what is known of them tells nothing of those to come. */
  forget(exchange: ExchangeName, symbol: string): void {
    this.#ids.forget(exchange, symbol);
    this.#equals.forget(exchange, symbol);
  }

  /**
   * Those of past trades, of which equal ones must all be there, that were not published.
   *
   * @param known what is surely published, though it may be so old that it was forgotten here
   */
  unpublished(past: readonly Trade[], known: readonly Trade[]): Trade[] {
    const ids = new Set(known.map(({ id }) => id));
    const counts = countBy(known, contentOf);
    const shown = new Map<string, number>();
    return past.filter(trade => {
      if (!this.#separateIds.has(trade.exchange)) return !ids.has(trade.id) && !this.#knowsId(trade);
      const content = contentOf(trade);
      const count = (shown.get(content) ?? 0) + 1;
      shown.set(content, count);
      return count > Math.max(this.#publishedLike(trade), counts.get(content) ?? 0);
    });
  }

  /** How many trades are known at the moment, those of quiet instruments not counted. */
  get size(): number {
    return this.#ids.size;
  }

  /** How often trades had to be forgotten before their time because there were too many. */
  get earlyRotations(): number {
    return this.#ids.earlyRotations;
  }

  /** Whether the id was not known. */
  #noteId(trade: Trade, now: EpochMillis): boolean {
    this.#ids.age(now);
    if (this.#knowsId(trade)) return false;
    return this.#ids.grow(this.#ids.at(trade.exchange, trade.symbol)).add(trade.id);
  }

  #knowsId({ exchange, symbol, id }: Trade): boolean {
    const { young, old } = this.#ids.at(exchange, symbol);
    return young?.has(id) === true || old?.has(id) === true;
  }

  #publishedLike(trade: Trade): number {
    const digest = digestOf(trade);
    const { young, old } = this.#equals.at(trade.exchange, trade.symbol);
    return young?.published(digest) || old?.published(digest) || 0;
  }

  /** Where trades that say the same as this one are counted. */
  #equalsOf({ exchange, symbol }: Trade, digest: number, now: EpochMillis): EqualTrades {
    this.#equals.age(now);
    const market = this.#equals.at(exchange, symbol);
    if (market.young?.has(digest) === true) return market.young;
    if (market.old?.has(digest) === true) return market.old;
    return this.#equals.grow(market);
  }
}

/** The same for trades of the same content, see {@link contentOf}. */
function digestOf({ exchangeTime, price, size, takerSide }: Trade): number {
  const digest = new TextDigest();
  digest.add(String(exchangeTime));
  digest.add(price);
  digest.add(size);
  digest.add(takerSide);
  return digest.value;
}
