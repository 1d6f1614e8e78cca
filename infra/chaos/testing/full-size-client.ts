import type { MarketEvent, OrderBook, Ticker, TradeGap } from '../../../shared/model/market-event.ts';
import { LatestState } from '../../../shared/stream/latest-state.ts';
import { ResilientSource } from '../../../shared/stream/resilient-source.ts';
import { WebSocketSource } from '../../../shared/stream/websocket-source.ts';
import type { TruthBook, TruthTicker } from '../../exchange-simulator/truth-log.ts';
import type { TradeLedger } from './trade-ledger.ts';

/** Levels of each side of a book that are compared. */
export const COMPARED_LEVELS = 5;

/** One consumer that keeps what is needed to judge it afterwards. */
export class FullSizeClient {
  readonly #source: ResilientSource;
  readonly #latest = new LatestState();
  readonly #agreed = new Set<string>();
  #ledger: TradeLedger | null = null;
  readonly gaps: TradeGap[] = [];
  events = 0;
  trades = 0;
  backfilled = 0;
  lost = 0;

  constructor(url: string) {
    this.#source = new ResilientSource({
      sources: [new WebSocketSource({ url })],
      onBatch: ({ events }) => {
        for (const event of events) this.#take(event);
      },
      onSnapshot: ({ events, recovered }) => {
        if (!recovered) this.lost++;
        this.#latest.reset(events);
      },
    });
    this.#source.start();
  }

  stop(): void {
    this.#source.stop();
  }

  /** From here on every trade counts. */
  keep(ledger: TradeLedger): void {
    this.#ledger = ledger;
  }

  get instruments(): number {
    return new Set(this.#latest.events().map(({ exchange, symbol }) => `${exchange} ${symbol}`)).size;
  }

  /** Of these, the books and tickers that have not been seen to be the true ones so far. */
  disagreements(books: readonly TruthBook[], tickers: readonly TruthTicker[]): string[] {
    const events = new Map(
      this.#latest.events().map(event => [`${event.type} ${event.exchange} ${event.symbol}`, event]),
    );
    const names: string[] = [];
    const top = (levels: readonly (readonly unknown[])[] | undefined, depth: number) =>
      JSON.stringify(levels?.slice(0, depth));
    for (const truth of books) {
      const name = `orderBook ${truth.exchange} ${truth.symbol}`;
      const book = events.get(name) as OrderBook | undefined;
      const isSame =
        top(book?.bids, truth.bids.length) === top(truth.bids, COMPARED_LEVELS) &&
        top(book?.asks, truth.asks.length) === top(truth.asks, COMPARED_LEVELS);
      if (isSame) this.#agreed.add(name);
      names.push(name);
    }
    for (const truth of tickers) {
      const name = `ticker ${truth.exchange} ${truth.symbol}`;
      const ticker = events.get(name) as Ticker | undefined;
      if (ticker?.last === truth.last && ticker.high === truth.high && ticker.low === truth.low) this.#agreed.add(name);
      names.push(name);
    }
    return names.filter(name => !this.#agreed.has(name));
  }

  #take(event: MarketEvent): void {
    this.events++;
    this.#latest.apply(event);
    if (event.type === 'gap') this.gaps.push(event);
    if (event.type !== 'trade') return;
    this.trades++;
    if (event.backfilled === true) this.backfilled++;
    this.#ledger?.came(event);
  }
}
