import { ManualClock } from '../../../shared/base/testing/manual-clock.ts';
import type { Trade, TradeGap } from '../../../shared/model/market-event.ts';
import { testInstrument } from '../../../shared/model/testing/instruments.ts';
import { trade } from '../../../shared/model/testing/market-events.ts';
import type { TradeHistory } from '../../exchanges/exchange-adapter.ts';
import { TradeBackfill } from '../trade-backfill.ts';
import type { HistoryAnswer } from '../trade-fetcher.ts';
import { TradeMemory } from '../trade-memory.ts';

export const FEED = 'feed-0';
const PAGE_SIZE = 100;
const DAY_MS = 24 * 60 * 60_000;

type Limits = Pick<TradeHistory, 'days' | 'mostTrades' | 'runs'>;

/** An exchange whose REST answers what a test puts there, and a backfill that asks it. */
export class TradeWorld {
  readonly clock = new ManualClock();
  readonly paths: string[] = [];
  readonly published: (Trade | TradeGap)[] = [];
  readonly backfill: TradeBackfill;
  /** Newest last, as they happened. */
  readonly market: Trade[] = [];
  answer: (path: string) => HistoryAnswer | Promise<HistoryAnswer> = path => this.page(path);
  readonly #memory: TradeMemory;
  readonly #symbols: readonly string[];

  /** Bithumb's way: REST has other ids than the frames, one for each millisecond. */
  constructor(ids: TradeHistory['ids'], symbols: readonly string[] = ['BTC/KRW'], limits: Limits = {}) {
    this.#symbols = symbols;
    this.#memory = new TradeMemory({ separateIds: new Set(ids === 'separate' ? ['upbit'] : []) });
    const history: TradeHistory = {
      ids,
      limit: { group: 'trade', weight: 1 },
      pageSize: PAGE_SIZE,
      ...limits,
      path: ({ symbol }, from, daysAgo) => {
        const day = daysAgo === 0 ? '' : `, ${daysAgo} days ago`;
        return `${symbol} ${from ?? 'newest'}${day}`;
      },
      parse: (body, { symbol }) => {
        const text = Buffer.from(body).toString();
        if (text === 'gone') return { ok: false, reason: 'Code not found', status: 404 };
        const [count, daysAgo] = text.split(' ').map(Number);
        const day = Math.floor(this.clock.now() / DAY_MS) - (daysAgo ?? 0);
        const trades = this.market
          .slice(0, count)
          .filter(one => one.symbol === symbol)
          .filter(one => limits.days === undefined || Math.floor((one.exchangeTime ?? 0) / DAY_MS) === day)
          .map(one =>
            ids === 'separate' ? { ...one, id: `${one.exchangeTime}0000`, backfilled: true as const } : one,
          );
        return { ok: true, trades: ids === 'contiguous' ? trades : trades.reverse().slice(0, PAGE_SIZE) };
      },
      ...(ids === 'contiguous'
        ? {
            newest: {
              path: 'newest',
              weight: 1,
              parse: () => new Map(this.market.map(({ symbol, id }) => [symbol, id])),
            },
          }
        : {}),
    };
    this.backfill = new TradeBackfill({
      exchange: 'upbit',
      history,
      clock: this.clock,
      random: () => 0.5,
      acquire: async (_group, _weight, signal) => signal.throwIfAborted(),
      acquireForAll: async (_group, _weight, signal) => signal.throwIfAborted(),
      get: async path => {
        this.paths.push(path);
        return this.answer(path);
      },
      onRelisted: symbol => this.#memory.forget('upbit', symbol),
      unpublished: (past, others) => this.#memory.unpublished(past, others),
      publish: events => {
        const fresh = events.filter(event => event.type === 'gap' || this.#memory.admit(event, this.clock.now()));
        this.published.push(...fresh);
        return fresh;
      },
    });
    this.backfill.setInstruments(
      symbols.map(symbol => testInstrument('upbit', symbol, symbol.split('/')[0] ?? '', 'KRW')),
    );
    this.backfill.start();
  }

  /** What REST says at this moment: how many trades there have been, and of which day it tells. */
  page(path = ''): HistoryAnswer {
    const daysAgo = /, (\d+) days ago/.exec(path)?.[1] ?? '0';
    return { ok: true, body: Buffer.from(`${this.market.length} ${daysAgo}`) };
  }

  /** A trade happens; `sees` whether a frame tells of it, and whether as the answer to a subscription. */
  trade(id: number, sees: 'sees' | 'misses' | 'snapshot' = 'sees', symbol = 'BTC/KRW'): void {
    const one = trade(symbol, { id: String(id), exchangeTime: this.clock.now() });
    this.market.push(one);
    if (sees !== 'misses') this.see(one, sees === 'snapshot');
  }

  /** Whether it is published. */
  see(one: Trade, isSnapshot = false): boolean {
    const told = isSnapshot ? { ...one, backfilled: true as const } : one;
    const isNew = this.#memory.admit(told, this.clock.now());
    this.backfill.observe([told]);
    return isNew;
  }

  /** A trade happens while another node leads, which publishes it. */
  hear(id: number): void {
    this.trade(id, 'misses');
    this.isTold(id, {});
  }

  /** It is delisted for good: REST tells nothing of its trades any more. */
  vanish(symbol: string): void {
    this.market.splice(0, this.market.length, ...this.market.filter(one => one.symbol !== symbol));
  }

  /** That node publishes what this one has not seen. */
  isTold(id: number, more: Partial<Trade>): void {
    const one = { ...this.market.find(other => other.id === String(id))!, ...more };
    this.backfill.remember(one);
    this.#memory.remember(one, this.clock.now());
  }

  feed(state: 'live' | 'down'): void {
    this.backfill.interruptions.onFeedState(FEED, state, this.#symbols, 0);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advanceAndSettle(ms);
  }

  get told(): string[] {
    return this.published.map(event => (event.type === 'gap' ? `gap ${event.afterId}-${event.untilId}` : event.id));
  }
}
