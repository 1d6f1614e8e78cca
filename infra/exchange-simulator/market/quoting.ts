import type { InstrumentState } from './instrument-state.ts';
import type { Levels, Side } from './order-book.ts';
import type { Prng } from './prng.ts';
import { floorToTick, nextTick, previousTick } from './tick-table.ts';

/** Half the distance between best bid and ask, as a share of the price. */
const HALF_SPREAD = 0.00008;

/** Move a book so that its best prices stand around the fair price (in price units) and both halves are full. */
export function quote(state: InstrumentState, fair: number, prng: Prng): void {
  const { book, instrument } = state;
  const { tick } = instrument;
  const half = fair * HALF_SPREAD * (0.5 + prng.unit());
  const bid = Math.max(tick(0), floorToTick(fair - half, tick));
  const target = floorToTick(fair + half, tick);
  const ask = target > bid ? target : nextTick(bid, tick);
  removeBeyond(state, 'ask', ask);
  removeBeyond(state, 'bid', bid);
  if (book.bids.prices[0] !== bid) book.set('bid', bid, randomSize(state, prng));
  if (book.asks.prices[0] !== ask) book.set('ask', ask, randomSize(state, prng));
  keepDepth(state, 'bid', prng);
  keepDepth(state, 'ask', prng);
  thicken(state, 'bid', prng);
  thicken(state, 'ask', prng);
}

/**
 * One more order or one less: a level near the top changes size, disappears, or a new one appears beside it. Nothing
 * happens on the side that is to stay empty.
 */
export function tweak(state: InstrumentState, prng: Prng, emptySide: Side | null = null): void {
  const { book } = state;
  const drawn: Side = prng.chance(0.5) ? 'bid' : 'ask';
  const side = drawn === emptySide ? (drawn === 'bid' ? 'ask' : 'bid') : drawn;
  const levels = book.levels(side);
  const index = Math.min(levels.prices.length - 1, Math.floor(prng.unit() ** 2 * Math.min(levels.prices.length, 30)));
  const price = levels.prices[index]!;
  const what = prng.unit();
  if (what < 0.7) book.set(side, price, randomSize(state, prng));
  else if (what < 0.85 && index > 0) book.set(side, price, 0);
  else insertBeside(state, side, price, randomSize(state, prng));
  keepDepth(state, side, prng);
}

/** An order size in size units: mostly small, sometimes large, sometimes dust worth a few dollars. */
export function randomSize(state: InstrumentState, prng: Prng): number {
  const { base, sizeDecimals, lotUnits } = state.instrument;
  const usd = prng.chance(0.1) ? 0.5 + prng.unit() * 4 : 4 * 10 ** (prng.unit() ** 2 * 4);
  const lots = Math.round(((usd / base.usd) * 10 ** sizeDecimals) / lotUnits);
  return Math.max(1, lots) * lotUnits;
}

/** Take away every level better than the price: nobody leaves an order standing there. */
function removeBeyond(state: InstrumentState, side: Side, price: number): void {
  const { prices } = state.book.levels(side);
  while (prices.length > 0 && (side === 'ask' ? prices[0]! < price : prices[0]! > price)) {
    state.book.set(side, prices[0]!, 0);
  }
}

/** Fill holes near the top, so that takers find the next order close to the one they ate. */
function thicken(state: InstrumentState, side: Side, prng: Prng): void {
  const { book, instrument } = state;
  const { prices } = book.levels(side);
  for (let index = 0; index < 6 && index + 1 < prices.length; index += 1) {
    const near = prices[index]!;
    const widest = Math.max(4 * instrument.tick(near), near * 0.00015);
    if (Math.abs(prices[index + 1]! - near) <= widest) continue;
    const jump = widest * (0.3 + 0.7 * prng.unit());
    const price = floorToTick(side === 'ask' ? near + jump : near - jump, instrument.tick);
    if (price > 0 && price !== near) book.set(side, price, randomSize(state, prng));
  }
}

function insertBeside(state: InstrumentState, side: Side, price: number, size: number): void {
  const { tick } = state.instrument;
  const beside = side === 'ask' ? nextTick(price, tick) : previousTick(price, tick);
  if (beside > 0) state.book.set(side, beside, size);
}

/** Cut a half that is too deep, fill one that is too thin. */
function keepDepth(state: InstrumentState, side: Side, prng: Prng): void {
  const { book, instrument } = state;
  const levels = book.levels(side);
  while (levels.prices.length > instrument.depth + 5) book.set(side, levels.prices.at(-1)!, 0);
  while (levels.prices.length < instrument.depth) {
    const price = pricePast(state, side, levels, prng);
    if (price <= 0) return;
    book.set(side, price, randomSize(state, prng));
  }
}

function pricePast(state: InstrumentState, side: Side, levels: Levels, prng: Prng): number {
  const { tick } = state.instrument;
  const last = levels.prices.at(-1)!;
  const neighbour = side === 'ask' ? nextTick(last, tick) : previousTick(last, tick);
  const jump = last * 0.00004 * prng.unit() * 2;
  if (jump < tick(last)) return neighbour;
  const price = floorToTick(side === 'ask' ? last + jump : last - jump, tick);
  return side === 'ask' ? Math.max(neighbour, price) : Math.min(neighbour, price);
}
