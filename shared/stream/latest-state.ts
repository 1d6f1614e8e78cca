import type { MarketEvent } from '../model/market-event.ts';
import { type Cut, isInCut } from '../wire/messages.ts';

/** What is known of an event without reading it: all that a question about the state can ask. */
export type StateHead = Pick<MarketEvent, 'type' | 'exchange' | 'symbol'>;

type Kept<Value> = { readonly head: StateHead; value: Value; openTime: number };
type Type = MarketEvent['type'];

const STATE_TYPES: readonly Type[] = ['ticker', 'quote', 'orderBook', 'candle', 'feed'];

/**
 * The newest ticker, quote, order book and candle of every instrument and the state of every feed: what a snapshot
 * holds (rule SNP1). Trades and gaps are moments, not state. What is kept of an event is the owner's choice.
 *
 * Found by the event's own texts, one after the other: a joined key would be a new string for every event.
 */
export class LatestValues<Value> {
  readonly #byType = new Map(STATE_TYPES.map(type => [type, new Map<string, Map<string, Kept<Value>>>()]));
  #size = 0;

  apply(event: MarketEvent, value: Value): void {
    const byExchange = this.#byType.get(event.type);
    if (byExchange === undefined) return;
    let byName = byExchange.get(event.exchange);
    if (byName === undefined) {
      byName = new Map();
      byExchange.set(event.exchange, byName);
    }
    const name = event.type === 'feed' ? event.key : event.symbol!;
    const openTime = event.type === 'candle' ? event.openTime : 0;
    const kept = byName.get(name);
    if (kept === undefined) {
      const { type, exchange, symbol } = event;
      byName.set(name, { head: { type, exchange, symbol }, value, openTime });
      this.#size++;
    } else if (openTime >= kept.openTime) {
      // A minute is closed up to two seconds after its end, when the next one may be open already: that one stays.
      kept.value = value;
      kept.openTime = openTime;
    }
  }

  clear(): void {
    for (const byExchange of this.#byType.values()) byExchange.clear();
    this.#size = 0;
  }

  get size(): number {
    return this.#size;
  }

  values(isWanted: (head: StateHead) => boolean = () => true): Value[] {
    const values: Value[] = [];
    for (const byExchange of this.#byType.values()) {
      for (const byName of byExchange.values()) {
        for (const { head, value } of byName.values()) if (isWanted(head)) values.push(value);
      }
    }
    return values;
  }
}

/** With the events themselves, for whoever reads them. */
export class LatestState {
  readonly #values = new LatestValues<MarketEvent>();

  apply(event: MarketEvent): void {
    this.#values.apply(event, event);
  }

  /** Everything is replaced: what a snapshot does. */
  reset(events: readonly MarketEvent[]): void {
    this.#values.clear();
    for (const event of events) this.apply(event);
  }

  get size(): number {
    return this.#values.size;
  }

  events(cut: Cut = 'full'): MarketEvent[] {
    return this.#values.values(head => isInCut(head, cut));
  }
}
