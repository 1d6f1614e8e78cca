import { conflationKey, type MarketEvent } from '../model/market-event.ts';

/** Something is missing and will not come: said in the stream of events itself, at the place where it is missing. */
export type Loss = {
  readonly type: 'lost';
  /** `history`: the server no longer had what came before. `tooSlow`: this consumer read too slowly for its queue. */
  readonly cause: 'history' | 'tooSlow';
  /** How many events; `null` when nobody can know. */
  readonly events: number | null;
};

/** What `for await` over a stream yields. */
export type StreamItem = MarketEvent | Loss;

/** Default bound of {@link EventQueue}: some seconds of every trade of three exchanges. */
export const DEFAULT_MAX_QUEUED = 10_000;

/**
 * Between a stream that does not wait and a loop that may. Policy `conflate`:
 * - a ticker, quote, order book or open candle replaces a queued older one of its key and takes its place at the end
 *   (rule CNF1), so that state never needs more room than there are instruments;
 * - trades, closed candles, gaps and feed states are kept, in order;
 * - when more than `maxQueued` of those wait, trades, closed candles and gaps are given up together, and the loop reads
 *   one {@link Loss} with their number before what follows. State and feed states stay: they are current.
 */
export class EventQueue {
  readonly #maxQueued: number;
  /** Insertion order is reading order; a key is a conflation key, or a number for what is never conflated. */
  readonly #items = new Map<string | number, StreamItem>();
  /** One iterator lives along with the map: a new one for each read would step over all that was read before. */
  #reader: MapIterator<string | number> | null = null;
  #serial = 0;
  #unconflated = 0;
  #given = 0;
  #waiting: { resolve(result: IteratorResult<StreamItem, undefined>): void; reject(error: Error): void }[] = [];
  #end: { readonly error: Error | null } | null = null;

  constructor(maxQueued: number = DEFAULT_MAX_QUEUED) {
    this.#maxQueued = maxQueued;
  }

  get size(): number {
    return this.#items.size;
  }

  /** How many events were given up because the reader was too slow. */
  get givenUp(): number {
    return this.#given;
  }

  push(item: StreamItem): void {
    if (this.#end !== null) return;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: item });
      return;
    }
    const key = item.type === 'lost' ? null : conflationKey(item);
    if (key === null) {
      this.#items.set(this.#serial++, item);
      this.#unconflated++;
      if (this.#unconflated > this.#maxQueued) this.#giveUp();
    } else {
      this.#items.delete(key);
      this.#items.set(key, item);
    }
  }

  /** The next item; waits for one. Rejects once when the stream has failed, and is done when it was closed. */
  next(): Promise<IteratorResult<StreamItem, undefined>> {
    const item = this.#shift();
    if (item !== undefined) return Promise.resolve({ done: false, value: item });
    const end = this.#end;
    if (end === null) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
    this.#end = { error: null };
    return end.error === null ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(end.error);
  }

  /** Leaves out what is queued and no longer wanted. */
  keepOnly(isWanted: (event: MarketEvent) => boolean): void {
    for (const [key, item] of this.#items) if (item.type !== 'lost' && !isWanted(item)) this.#delete(key);
  }

  /** Closed on purpose: what is still queued is of no interest any more. */
  close(): void {
    this.#items.clear();
    this.#finish(null);
  }

  /** Nothing more will come: what is queued can still be read, then the reader gets the error. */
  fail(error: Error): void {
    this.#finish(error);
  }

  #finish(error: Error | null): void {
    if (this.#end !== null) return;
    const [first, ...others] = this.#waiting;
    this.#waiting = [];
    this.#end = { error: first === undefined ? error : null };
    if (error === null) first?.resolve({ done: true, value: undefined });
    else first?.reject(error);
    for (const waiting of others) waiting.resolve({ done: true, value: undefined });
  }

  #shift(): StreamItem | undefined {
    this.#reader ??= this.#items.keys();
    const { done, value: key } = this.#reader.next();
    if (done) {
      this.#reader = null;
      return undefined;
    }
    const item = this.#items.get(key);
    this.#delete(key);
    return item;
  }

  #delete(key: string | number): void {
    if (this.#items.delete(key) && typeof key === 'number') this.#unconflated--;
  }

  #giveUp(): void {
    let events = 0;
    let earlier = 0;
    let history: Loss | null = null;
    for (const [key, item] of this.#items) {
      if (typeof key !== 'number' || item.type === 'feed') continue;
      if (item.type !== 'lost') events++;
      else if (item.cause === 'tooSlow') earlier += item.events ?? 0;
      else history = item;
      this.#delete(key);
    }
    this.#given += events;
    // The notice comes first: whatever stayed may be newer than what was given up.
    const kept = [...this.#items];
    this.#items.clear();
    this.#reader = null;
    for (const notice of [history, { type: 'lost', cause: 'tooSlow', events: events + earlier } as const]) {
      if (notice === null) continue;
      this.#items.set(this.#serial++, notice);
      this.#unconflated++;
    }
    for (const [key, item] of kept) this.#items.set(key, item);
  }
}
