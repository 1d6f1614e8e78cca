import type { MarketEvent, Trade } from '../../../../shared/model/market-event.ts';
import type { Batch, Snapshot } from '../../../../shared/wire/messages.ts';
import { comparePositions, type Lineage, type Position } from '../../../../shared/wire/position.ts';
import type { Delivery } from '../../stream-delivery.ts';

/** What a consumer makes of one whole message: something to deliver, nothing, or a hole to be healed from history. */
export type Taken =
  | { readonly kind: 'delivery'; readonly delivery: Untimed }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'hole' };

type Untimed = Delivery & { readonly kind: 'batch' | 'snapshot' | 'heartbeat' };

type Delivered = { readonly epoch: number; readonly offset: number; readonly trade: Trade };

/** More than a leader seals between the last word that others heard of it and its end. */
const MOST_RECENT = 5_000;

const NOTHING: Taken = { kind: 'nothing' };
const HOLE: Taken = { kind: 'hole' };

/**
 * The consumer that SPEC.md describes, written from it once more: it shares nothing with the receiver of the product, so
 * that a mistake there is not made here too. It keeps what it may apply, and says where something is missing.
 */
export class PlainConsumer {
  #position: Position | null = null;
  #writer = 0;
  readonly #ends = new Map<number, number>();
  /** The last trades that were delivered. */
  #recent: Delivered[] = [];
  /** Delivered in vain: no successor knows them, so they will come once more (rule TRD1). */
  #void: Delivered[] = [];

  get position(): Position | null {
    return this.#position;
  }

  /** Finished epochs, from a greeting or whatever else carries them. */
  learn(lineage: Lineage): void {
    for (const { epoch, end } of lineage) this.#ends.set(epoch, end);
  }

  batch(batch: Batch): Taken {
    const { writer, epoch, first, next } = batch;
    if (batch.lineage !== undefined) this.learn(batch.lineage);
    if (writer < this.#writer && !this.isHistory(batch)) return NOTHING;
    this.#writer = Math.max(this.#writer, writer);
    if (this.#position === null || epoch < this.#position.epoch) return NOTHING;
    const have = this.#offsetIn(epoch);
    if (have === null || first > have + 1) return HOLE;
    if (first === next) {
      if (next - 1 < have) return NOTHING;
      return { kind: 'delivery', delivery: { kind: 'heartbeat', epoch, offset: next - 1 } };
    }
    if (next - 1 <= have) return NOTHING;
    this.#position = { epoch, offset: next - 1 };
    const events = this.#news(epoch, batch.events, have);
    return { kind: 'delivery', delivery: { kind: 'batch', writer, epoch, first: have + 1, next, events } };
  }

  snapshot({ epoch, offset, reason, recovered, lineage, events }: Snapshot): Taken {
    const position = { epoch, offset };
    this.learn(lineage);
    if (this.#position !== null) {
      const order = comparePositions(position, this.#position);
      if (order < 0 || (order === 0 && reason !== 'diverged') || epoch < this.#writer) return NOTHING;
    }
    this.#position = position;
    this.#writer = Math.max(this.#writer, epoch);
    if (reason === 'diverged') {
      const isVoid = ({ epoch, offset }: Delivered) => offset > (this.#ends.get(epoch) ?? offset);
      this.#void = this.#recent.filter(isVoid);
    }
    return { kind: 'delivery', delivery: { kind: 'snapshot', ...position, reason, recovered, events } };
  }

  /** Rule ORD2: of a finished epoch and not past its end. */
  isHistory({ epoch, next }: Batch): boolean {
    const end = this.#ends.get(epoch);
    return end !== undefined && next - 1 <= end;
  }

  /** How much of an epoch this consumer has; `null` when something before it is missing. */
  #offsetIn(epoch: number): number | null {
    let at = this.#position!;
    while (at.epoch < epoch) {
      if (this.#ends.get(at.epoch) !== at.offset) return null;
      const between = [...this.#ends.keys()].filter(known => known > at.epoch && known < epoch);
      at = { epoch: Math.min(epoch, ...between), offset: 0 };
    }
    return at.offset;
  }

  /** Rule TRD1: after it diverged, a consumer drops trades that it has delivered already. */
  #news(epoch: number, events: readonly MarketEvent[], have: number): MarketEvent[] {
    const news: MarketEvent[] = [];
    for (const event of events) {
      if (event.offset <= have) continue;
      const known = event.type === 'trade' ? this.#takeVoid(event) : null;
      if (known === null) news.push(event);
      // From now on it stands where a successor has it.
      if (event.type === 'trade') this.#recent.push({ epoch, offset: event.offset, trade: known ?? event });
    }
    if (this.#recent.length > 2 * MOST_RECENT) this.#recent = this.#recent.slice(-MOST_RECENT);
    return news;
  }

  /**
   * The trade that was delivered in vain and is told again here, if there is one; each counts once. Bithumb gives a trade
   * that is fetched afterwards another id, so that one is known by what it says.
   */
  #takeVoid(trade: Trade): Trade | null {
    const delivered = this.#void.find(({ trade: known }) => {
      return (
        sameMarket(known, trade) && (known.id === trade.id || (trade.backfilled === true && sameWords(known, trade)))
      );
    });
    if (delivered === undefined) return null;
    this.#void = this.#void.filter(other => other !== delivered);
    this.#recent = this.#recent.filter(other => other !== delivered);
    return delivered.trade;
  }
}

function sameMarket(one: Trade, other: Trade): boolean {
  return one.exchange === other.exchange && one.symbol === other.symbol;
}

function sameWords(one: Trade, other: Trade): boolean {
  const isSame = one.price === other.price && one.size === other.size;
  return isSame && one.takerSide === other.takerSide && one.exchangeTime === other.exchangeTime;
}
