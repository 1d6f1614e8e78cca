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
import { AgingMap } from './aging-map.ts';
import { contentOf, countBy, hasFetchedId } from './fetched-trade.ts';

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
};

/** Of trades that say the same: how many were published, and how many of these no frame has brought. */
type Equals = { published: number; unseen: number };

export class TradeMemory {
  readonly #ids: AgingMap<true>;
  readonly #equals: AgingMap<Equals>;
  readonly #separateIds: ReadonlySet<ExchangeName>;

  constructor(options: TradeMemoryOptions = {}) {
    const { rememberMs = DEFAULT_REMEMBER_MS, maxIds = DEFAULT_MAX_IDS, separateIds = NO_EXCHANGES } = options;
    this.#ids = new AgingMap(rememberMs, maxIds);
    this.#equals = new AgingMap(rememberMs, maxIds);
    this.#separateIds = separateIds;
  }

  /** A trade of a frame, or one that was fetched and is {@link unpublished}. `false`: it was published before. */
  admit(trade: Trade, now: EpochMillis): boolean {
    if (!this.#noteId(trade, now)) return false;
    if (!this.#separateIds.has(trade.exchange)) return true;
    const equals = this.#equalsOf(trade, now);
    if (!hasFetchedId(trade) && equals.unseen > 0) {
      equals.unseen -= 1;
      return false;
    }
    published(equals, trade);
    return true;
  }

  /** A trade that another node published. */
  remember(trade: Trade, now: EpochMillis): void {
    if (this.#noteId(trade, now) && this.#separateIds.has(trade.exchange)) {
      published(this.#equalsOf(trade, now), trade);
    }
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
      const market = marketOf(trade);
      if (!this.#separateIds.has(trade.exchange)) return !ids.has(trade.id) && !this.#ids.get(market, trade.id);
      const content = contentOf(trade);
      const count = (shown.get(content) ?? 0) + 1;
      shown.set(content, count);
      return count > Math.max(this.#equals.get(market, content)?.published ?? 0, counts.get(content) ?? 0);
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
    const market = marketOf(trade);
    if (this.#ids.get(market, trade.id) !== undefined) return false;
    this.#ids.add(market, trade.id, true);
    return true;
  }

  #equalsOf(trade: Trade, now: EpochMillis): Equals {
    this.#equals.age(now);
    const [market, content] = [marketOf(trade), contentOf(trade)];
    const known = this.#equals.get(market, content);
    if (known !== undefined) return known;
    const equals = { published: 0, unseen: 0 };
    this.#equals.add(market, content, equals);
    return equals;
  }
}

function published(equals: Equals, trade: Trade): void {
  equals.published += 1;
  if (hasFetchedId(trade)) equals.unseen += 1;
}

function marketOf({ exchange, symbol }: Trade): string {
  return `${exchange}:${symbol}`;
}
