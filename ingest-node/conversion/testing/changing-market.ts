/**
 * A market in memory that remembers every state of its book, to hold a built book against: deliberately a pair of maps
 * and a sort by whole numbers, nothing of the code under test.
 */
import type { Level } from '../../../shared/model/market-event.ts';
import type { BookDelta, BookSnapshot } from '../../exchanges/exchange-adapter.ts';

type Sides = { readonly bids: readonly Level[]; readonly asks: readonly Level[] };

export type Change = { readonly tick: number; readonly size: number; readonly isBid: boolean };

export class ChangingMarket {
  readonly #bids = new Map<number, number>();
  readonly #asks = new Map<number, number>();
  readonly #states: Sides[] = [{ bids: [], asks: [] }];
  readonly #firstId: number;
  #sent: number;

  constructor(firstId: number) {
    this.#firstId = firstId;
    this.#sent = firstId;
  }

  /** Number of the newest state. */
  get sequence(): number {
    return this.#firstId + this.#states.length - 1;
  }

  /** An order that crosses takes away what it meets first: no state is ever crossed. */
  change({ tick, size, isBid }: Change): void {
    const [own, other] = isBid ? [this.#bids, this.#asks] : [this.#asks, this.#bids];
    if (size > 0) {
      for (const met of [...other.keys()]) if (isBid ? met <= tick : met >= tick) this.#set(other, met, 0);
    }
    this.#set(own, tick, size);
  }

  /** What changed since the last call, as one delta; `null` when nothing did. */
  takeDelta(): BookDelta | null {
    const [first, last] = [this.#sent + 1, this.sequence];
    if (last < first) return null;
    const before = this.at(this.#sent);
    const bids = differences(before.bids, this, first, last, 'bids');
    const asks = differences(before.asks, this, first, last, 'asks');
    this.#sent = last;
    return { symbol: 'BTC/USDT', nativeCode: 'BTCUSDT', exchangeTime: last, first, last, bids, asks };
  }

  /** The whole book at a state. */
  at(sequence: number): Sides {
    return this.#states[sequence - this.#firstId]!;
  }

  snapshotAt(sequence: number, levels: number): BookSnapshot {
    const { bids, asks } = this.at(sequence);
    return { sequence, bids: bids.slice(0, levels), asks: asks.slice(0, levels) };
  }

  #set(side: Map<number, number>, tick: number, size: number): void {
    if (size > 0) side.set(tick, size);
    else side.delete(tick);
    this.#states.push({ bids: listed(this.#bids, -1), asks: listed(this.#asks, 1) });
  }
}

/** Prices of a few cents up to hundreds, with one to three decimals: text order is not their order. */
function priceOf(tick: number): string {
  return String((tick * 125) / 1000);
}

function listed(side: ReadonlyMap<number, number>, order: 1 | -1): Level[] {
  return [...side].sort(([a], [b]) => order * (a - b)).map(([tick, size]) => [priceOf(tick), String(size)]);
}

/** Every level that any state from `first` to `last` changed, with its size at `last`. */
function differences(
  before: readonly Level[],
  market: ChangingMarket,
  first: number,
  last: number,
  side: 'bids' | 'asks',
): Level[] {
  const touched = new Set<string>();
  let previous = new Map(before);
  for (let id = first; id <= last; id++) {
    const now = new Map(market.at(id)[side]);
    for (const price of new Set([...previous.keys(), ...now.keys()])) {
      if (previous.get(price) !== now.get(price)) touched.add(price);
    }
    previous = now;
  }
  return [...touched].map(price => [price, previous.get(price) ?? '0']);
}
