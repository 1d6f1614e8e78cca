/**
 * What a change of a book costs, at the depth of Binance's deepest snapshot. Run:
 * `node ingest-node/conversion/book-levels.bench.ts`. Changes lie mostly near the best price, as they do on the wire;
 * beside it, changes all over the side, and the same near changes on a sorted array of texts without keys.
 */
import { compareDecimals, isZero } from '../../shared/model/decimal.ts';
import type { Level } from '../../shared/model/market-event.ts';
import { binanceDeltaBooks } from '../exchanges/binance-book.ts';
import type { BookDelta } from '../exchanges/exchange-adapter.ts';
import { BookLevels } from './book-levels.ts';
import { OrderBookBuilder } from './order-book-builder.ts';

const DEPTH = 5000;
const CHANGES = 200_000;
const ROUNDS = 7;

/** Repeatable, and good enough to choose levels by. */
function lcg(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function price(rank: number): string {
  return (98_000 - rank / 100).toFixed(2).replace(/\.?0+$/, '');
}

const side: Level[] = Array.from({ length: DEPTH }, (_, rank) => [price(rank), '1.5']);

function changes(nearTop: boolean): Level[] {
  const random = lcg(7);
  return Array.from({ length: CHANGES }, () => {
    const rank = Math.floor(nearTop ? 40 * random() ** 2 : DEPTH * random());
    return [price(rank), random() < 0.3 ? '0' : '2.25'];
  });
}

class TextLevels {
  readonly #levels: Level[] = side.toReversed();

  set(level: Level): void {
    let [low, high] = [0, this.#levels.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareDecimals(this.#levels[middle]![0], level[0]) < 0) low = middle + 1;
      else high = middle;
    }
    const isThere = this.#levels[low]?.[0] === level[0];
    if (isZero(level[1])) this.#levels.splice(low, isThere ? 1 : 0);
    else this.#levels.splice(low, isThere ? 1 : 0, level);
  }
}

function fastest(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    run();
    best = Math.min(best, Number(process.hrtime.bigint() - start));
  }
  return best;
}

function report(what: string, nanoseconds: number): void {
  console.log(`${what.padEnd(64)} ${nanoseconds.toFixed(0).padStart(8)} ns`);
}

const [near, anywhere] = [changes(true), changes(false)];
const apply = (levels: { set(level: Level): void }, all: readonly Level[]) => () => {
  for (const level of all) levels.set(level);
};
report(`a change near the top of ${DEPTH} levels`, fastest(apply(new BookLevels('bid', side, false), near)) / CHANGES);
report('the same on texts without keys', fastest(apply(new TextLevels(), near)) / CHANGES);
report(`a change anywhere`, fastest(apply(new BookLevels('bid', side, false), anywhere)) / CHANGES);

const deltas: BookDelta[] = [];
for (let at = 0; at + 20 <= CHANGES; at += 20) {
  const id = at / 20 + 1;
  const common = { symbol: 'BTC/USDT', nativeCode: 'BTCUSDT', exchangeTime: id, first: id, last: id };
  deltas.push({ ...common, bids: near.slice(at, at + 20), asks: [] });
}
const { judge } = binanceDeltaBooks;
report(
  'a delta of 20 changes, and the top 15 after it',
  fastest(() => {
    const builder = new OrderBookBuilder({ judge, snapshotLevels: DEPTH });
    builder.align({ sequence: 0, bids: side, asks: [['98001', '1']] });
    for (const delta of deltas) {
      builder.add(delta);
      builder.top();
    }
  }) / deltas.length,
);
report(
  'a snapshot of 1000 levels a side',
  fastest(() => {
    const asks: Level[] = Array.from({ length: 1000 }, (_, rank) => [String(98_001 + rank), '1']);
    for (let time = 0; time < 100; time++) {
      new OrderBookBuilder({ judge, snapshotLevels: 1000 }).align({ sequence: 0, bids: side.slice(0, 1000), asks });
    }
  }) / 100,
);
