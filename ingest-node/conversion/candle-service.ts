/**
 * All minute candles: those the exchanges send, and those we build from trades where they send none. How an exchange has
 * them is said by its adapter; when one is closed, by {@link CandleTracker}.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Candle, Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { Conversion, ExchangeAdapter } from '../exchanges/exchange-adapter.ts';
import { CandleBuilder } from './candle-builder.ts';
import { CandleTracker } from './candle-tracker.ts';

type CandleRule = Pick<ExchangeAdapter, 'exchange' | 'candles'>;

export class CandleService {
  readonly #tracker = new CandleTracker();
  readonly #builder = new CandleBuilder();
  readonly #sources = new Map<ExchangeName, CandleRule['candles']>();

  /** Told of each frame from a socket before its events are offered. */
  listen({ exchange, candles }: CandleRule, conversion: Conversion, receivedTime: EpochMillis): void {
    this.#sources.set(exchange, candles);
    if (conversion.kind === 'control') this.#tracker.heard(exchange, receivedTime);
    if (conversion.kind !== 'events') return;
    for (const event of conversion.events) {
      // An exchange whose clock is ahead of ours is not heard from a time that has not come.
      if (event.exchangeTime !== null) this.#tracker.heard(exchange, Math.min(event.exchangeTime, receivedTime));
      if (event.type === 'trade' && candles === 'fromTrades') this.#builder.observe(event);
    }
  }

  /** What to publish of a candle that was sent; `'refused'` when it is late. */
  offer(candle: Candle, now: EpochMillis): readonly Candle[] | 'refused' {
    return this.#tracker.offer(candle, now, this.#sources.get(candle.exchange) === 'sentWithClosing');
  }

  /** What to publish after a trade that was never added before; nothing where the exchange sends candles itself. */
  add(trade: Trade, now: EpochMillis): readonly Candle[] | 'refused' {
    if (this.#sources.get(trade.exchange) !== 'fromTrades') return [];
    const candle = this.#builder.add(trade);
    if (candle === null || candle === 'refused') return candle ?? [];
    return this.#tracker.offer(candle, now, false);
  }

  /** Something of these instruments may be missed from now on. */
  interrupt(exchange: ExchangeName, symbols: Iterable<string>): void {
    this.#tracker.interrupt(exchange, symbols);
    this.#builder.interrupt(exchange, symbols);
  }

  remember(candle: Candle): void {
    this.#tracker.remember(candle);
  }

  flush(now: EpochMillis): readonly Candle[] {
    return this.#tracker.flush(now);
  }
}
