import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Trade, TradeGap } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/**
 * How far back a node knows which trades were published (rule TRD1). One that joined in mid-stream knows none that went by
 * before the oldest that it heard live; a fetched one from then may have been published. Told by the exchanges' own
 * clocks, which need not agree with ours.
 */
export class TradeHorizon {
  /** `null`: nothing has gone by. */
  #since: Map<ExchangeName, EpochMillis> | null = null;

  /** The node joins: what was published until now it will not hear. */
  begin(): void {
    this.#since = new Map();
  }

  /** A trade of the stream. A fetched one is no sign: it came late. */
  heard({ exchange, exchangeTime, backfilled }: Trade): void {
    if (this.#since === null || backfilled === true || exchangeTime === null || this.#since.has(exchange)) return;
    this.#since.set(exchange, exchangeTime);
  }

  /** A trade from before, or a gap that begins there. */
  isBeyond(event: Trade | TradeGap): boolean {
    const since = this.#since?.get(event.exchange);
    const time = event.type === 'trade' ? event.exchangeTime : event.afterTime;
    return since !== undefined && time !== null && time < since;
  }
}
