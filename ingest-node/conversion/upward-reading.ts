import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeHistory, TradeRun } from '../exchanges/exchange-adapter.ts';
import type { Jump } from './trade-continuity.ts';
import {
  type Finding,
  MOST_TRADES,
  NOTHING,
  type Remains,
  type TradeReading,
  type WantedPage,
} from './trade-reading.ts';

/**
 * Up to this many missing trades are first looked for among runs, a sixth of the price: on the spot market 19 of 20 trades
 * stand alone, so that with more than this some would still have to be asked for one by one.
 */
const MOST_BY_RUNS = 32n;

/** Contiguous ids: every one between two known ones is wanted by name. */
export class UpwardReading implements TradeReading {
  readonly #miss: Jump;
  readonly #pageSize: number;
  readonly #until: bigint;
  #next: bigint;
  /** Runs are worth a look: `null` where they are not, or were not enough. */
  #runsSince: EpochMillis | null;
  /** The last one that was found. */
  #found: Trade | null = null;
  /** The lowest and the highest id that were not where they should be. */
  #absent: { readonly first: bigint; readonly last: bigint } | null = null;

  constructor(miss: Jump, { pageSize, runs }: Pick<TradeHistory, 'pageSize' | 'runs'>) {
    this.#miss = miss;
    this.#pageSize = pageSize;
    this.#until = miss.until;
    this.#next = miss.from;
    this.#runsSince = runs !== undefined && miss.until - miss.from <= MOST_BY_RUNS ? miss.since : null;
    const reach = this.#until - BigInt(MOST_TRADES);
    if (this.#next < reach) {
      this.#absent = { first: this.#next, last: reach - 1n };
      this.#next = reach;
    }
  }

  get wanted(): WantedPage {
    const since = this.#runsSince;
    return since === null ? { kind: 'trades', from: String(this.#next) } : { kind: 'runs', since };
  }

  get isHealed(): boolean {
    const { after, from } = this.#miss;
    const found = after.size - (after.has(String(this.#until)) ? 1 : 0);
    return BigInt(found) >= this.#until - from;
  }

  take(page: readonly Trade[]): Finding {
    const missed: Trade[] = [];
    for (const trade of page) {
      const id = BigInt(trade.id);
      if (id < this.#next || id >= this.#until) continue;
      this.#skipTo(id);
      missed.push(trade);
      this.#found = trade;
      this.#next = id + 1n;
    }
    const last = page.at(-1);
    const isBehind = last !== undefined && BigInt(last.id) >= this.#until;
    if (isBehind) this.#skipTo(this.#until);
    if (this.#next >= this.#until) return { found: missed, next: this.#absent === null ? 'done' : 'absent' };
    return { found: missed, next: page.length >= this.#pageSize ? 'more' : 'absent' };
  }

  /** All or nothing: trades that stand together have to be asked for one by one. */
  takeRuns(runs: readonly TradeRun[]): Finding {
    this.#runsSince = null;
    const missed: Trade[] = [];
    let next = this.#next;
    for (const { first, last, trade } of runs) {
      if (last < next) continue;
      if (first > next || next >= this.#until) break;
      if (trade === null) while (next <= last && this.#miss.after.has(String(next))) next += 1n;
      else if (!this.#miss.after.has(trade.id)) missed.push(trade);
      if (trade !== null) next = last + 1n;
      else if (next <= last) break;
    }
    if (next < this.#until) return { found: NOTHING, next: 'more' };
    this.#next = this.#until;
    return { found: missed, next: 'done' };
  }

  isAnsweredBy(first: bigint, last: bigint): boolean {
    return first <= this.#next && this.#until <= last + 1n;
  }

  rewind(): void {
    if (this.#absent !== null) this.#next = this.#absent.first;
    this.#absent = null;
  }

  remains(): Remains {
    const first = this.#absent?.first ?? this.#next;
    const last = this.#next < this.#until ? this.#until - 1n : (this.#absent?.last ?? this.#next);
    const [afterId, untilId] = [String(first - 1n), String(last + 1n)];
    const known = [...this.#miss.before, ...this.#miss.after.values(), ...(this.#found === null ? [] : [this.#found])];
    const timeOf = (id: string) => known.find(trade => trade.id === id)?.exchangeTime ?? null;
    return { found: NOTHING, afterId, untilId, afterTime: timeOf(afterId), untilTime: timeOf(untilId) };
  }

  /** What lies before `id` is not in the page; unless the stream brought it late. */
  #skipTo(id: bigint): void {
    for (let absent = this.#next; absent < id; absent += 1n) {
      if (this.#miss.after.has(String(absent))) continue;
      this.#absent = { first: this.#absent?.first ?? absent, last: absent };
    }
    this.#next = id;
  }
}
