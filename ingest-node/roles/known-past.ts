import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { MarketEvent, Trade, TradeGap } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import { saysReadingBack } from './backfill-feed.ts';
import type { HeardBatch } from './joined-stream.ts';

/** Sockets of one exchange run side by side, and one may be behind the other by so much. */
const DISORDER_MS = 1_000;

/**
 * How far back a node knows what the stream carried (rule TRD1). One that joined in mid-stream, or lost its place, knows no
 * trade that went by before the first one that it heard live. Whether an older one was published it can say only where
 * somebody else answers for it: the leader who said that it had read back everything, then or before, or declared a gap.
 *
 * There are three ways to meet that time. Each subscription is answered with the last trade of every market: whoever led
 * had the same answer from its own subscription, or the trade itself, so it was published. A trade that is fetched because
 * it seems missing may have been published or not, and so may those that nobody misses because nothing of their market was
 * heard: for both see `untold-trades.ts`.
 *
 * Times are the exchanges' own, since their clocks need not agree with ours. Only for one of which nothing was heard live
 * there is no better word than the time by which the leader received what was heard first.
 */
export class KnownPast {
  /** What came first was received then, by its leader's clock; `null`: this node knows everything from the beginning. */
  #joinedAt: EpochMillis | null = null;
  #hasHeard = false;
  readonly #since = new Map<ExchangeName, EpochMillis>();
  /** When the node joined, its leader had been reading these back since then, by its own clock. */
  readonly #readingBack = new Map<ExchangeName, EpochMillis>();
  /** A leader that begins has missed something everywhere. */
  #beganWithTerm = false;
  readonly #accounted = new Set<ExchangeName>();
  /** Declared by other leaders, of a time that is not known here. */
  #declared: TradeGap[] = [];
  /** Markets of which this node has declared such a time itself, by exchange. */
  readonly #named = new Set<string>();

  /** The node joins with this state: what was published until now it will not hear, but for what history still holds. */
  begin(now: EpochMillis, state: readonly MarketEvent[]): void {
    this.#joinedAt = now;
    this.#hasHeard = false;
    this.#since.clear();
    this.#beganWithTerm = false;
    this.#readingBack.clear();
    this.#accounted.clear();
    for (const event of state) {
      const isReadingBack = saysReadingBack(event);
      if (event.type !== 'feed' || isReadingBack === null) continue;
      if (isReadingBack) this.#readingBack.set(event.exchange, event.since);
      else this.#accounted.add(event.exchange);
    }
    this.#declared = [];
    this.#named.clear();
  }

  /** The stream, in order, from the first batch that history holds. */
  heard({ first, lineage, events }: HeardBatch): void {
    if (this.#joinedAt === null) return;
    if (!this.#hasHeard && events.length > 0) {
      this.#hasHeard = true;
      this.#joinedAt = Math.min(this.#joinedAt, events[0]!.receivedTime);
      this.#beganWithTerm = first === 1;
      // Nobody led before, or nobody who leads now knows what they published.
      if (first === 1 && lineage?.length === 0) {
        this.#joinedAt = null;
        return;
      }
    }
    for (const event of events) {
      if (event.type === 'gap' && this.#isOpen(event)) this.#declared.push(event);
      // A fetched one is no sign: it came late.
      if (event.type !== 'trade' || event.backfilled === true || event.exchangeTime === null) continue;
      if (!this.#since.has(event.exchange)) this.#since.set(event.exchange, event.exchangeTime + DISORDER_MS);
    }
  }

  /** This node has said of such a time that trades of this market may be lost. */
  name({ exchange, symbol }: TradeGap): void {
    this.#named.add(`${exchange} ${symbol}`);
  }

  /**
   * The node that leads, or this one, says that it has read back all that it missed of an exchange: whatever happened
   * before this node knew anything was published or declared.
   */
  account(exchange: ExchangeName): void {
    this.#accounted.add(exchange);
    this.#declared = this.#declared.filter(declared => declared.exchange !== exchange);
  }

  /** A trade of a time that is not known here, or a gap that begins there. */
  isBefore(event: Trade | TradeGap): boolean {
    const since = this.#sinceOf(event.exchange);
    const time = event.type === 'trade' ? event.exchangeTime : (event.afterTime ?? event.untilTime);
    return since !== null && time !== null && time < since;
  }

  /** Of such a trade, or gap: somebody has answered for it, so that there is nothing more to say. */
  isAnsweredFor(event: Trade | TradeGap): boolean {
    if (event.type === 'trade') {
      return this.#accounted.has(event.exchange) || this.#declared.some(gap => covers(gap, event));
    }
    const isWhole = event.untilTime !== null && event.untilTime < (this.#sinceOf(event.exchange) ?? 0);
    if (isWhole && this.#accounted.has(event.exchange)) return true;
    return this.#declared.some(gap => contains(gap, event));
  }

  /**
   * Until when trades of an exchange may have been lost though nothing seems missing: a leader was reading them back when
   * this node's knowledge begins, and nobody has said since that it was done. `null`: there is no sign of that.
   */
  mayLackUntil(exchange: ExchangeName): EpochMillis | null {
    if (this.#joinedAt === null || this.#accounted.has(exchange)) return null;
    const since = this.#readingBack.get(exchange) ?? Number.POSITIVE_INFINITY;
    return this.#beganWithTerm || since < this.#joinedAt ? this.#sinceOf(exchange) : null;
  }

  /** Whether it was said of a part of that time of this market. */
  isNamed(exchange: ExchangeName, symbol: string): boolean {
    if (this.#named.has(`${exchange} ${symbol}`)) return true;
    return this.#declared.some(gap => gap.exchange === exchange && gap.symbol === symbol);
  }

  #isOpen(gap: TradeGap): boolean {
    return !this.#accounted.has(gap.exchange) && this.isBefore(gap);
  }

  #sinceOf(exchange: ExchangeName): EpochMillis | null {
    if (this.#joinedAt === null) return null;
    return this.#since.get(exchange) ?? this.#joinedAt;
  }
}

function covers(gap: TradeGap, { exchange, symbol, exchangeTime }: Trade): boolean {
  const { afterTime, untilTime } = gap;
  if (gap.exchange !== exchange || gap.symbol !== symbol || exchangeTime === null) return false;
  return exchangeTime >= (afterTime ?? exchangeTime) && exchangeTime <= (untilTime ?? exchangeTime);
}

function contains(gap: TradeGap, { exchange, symbol, afterId, untilId, afterTime, untilTime }: TradeGap): boolean {
  if (gap.exchange !== exchange || gap.symbol !== symbol) return false;
  if (gap.afterId === afterId && gap.untilId === untilId) return true;
  const isAfter = gap.afterTime === null || (afterTime !== null && afterTime >= gap.afterTime);
  return isAfter && (gap.untilTime === null || (untilTime !== null && untilTime <= gap.untilTime));
}
