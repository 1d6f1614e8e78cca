/**
 * What one exchange's frames prove about the trades between them: which instruments may have missed some, since which
 * trade and until which. Pure memory: no clock, no request; `trade-backfill.ts` fetches what is found here.
 *
 * Contiguous ids prove a loss by a jump. Without them there is no proof of a loss, only of its absence: Upbit and Bithumb
 * answer each subscription with the last trade of every market, and where that one was known before the interruption,
 * nothing happened meanwhile. All others are suspects until a page of past trades overlaps what is known.
 *
 * A market that was delisted may be listed anew and number its trades from the beginning. That is so when a lower number
 * happened after a higher one, at once where the lists have shown it gone meanwhile, else long after: then it is another market
 * of the same name, which began some time between the two.
 */
import type { Trade } from '../../shared/model/market-event.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { TradeHistory } from '../exchanges/exchange-adapter.ts';
import { isAnswerOf } from './fetched-trade.ts';

/** With contiguous ids: trades that are missing, from one number to before another. */
export type Jump = {
  readonly symbol: string;
  /** The one before the jump, if it is known. */
  readonly before: readonly Trade[];
  /** The one behind it, if it is known, and those of the jump that came late all the same. */
  readonly after: ReadonlyMap<string, Trade>;
  readonly from: bigint;
  readonly until: bigint;
  /** None of the missing ones is older, epoch milliseconds; `null` where that is not known. */
  readonly since: EpochMillis | null;
};

/** Without: trades may be missing between those before and the first one after it. One that goes on takes in the next. */
export type Interruption = {
  readonly symbol: string;
  /** The last ones that were known. Empty where it is known that nothing had ever been traded. */
  readonly before: readonly Trade[];
  /** Time of the newest trade of the whole exchange that was known when it began. */
  readonly heardUntil: EpochMillis;
  /** The first one that a frame brought after it, if any. */
  readonly resumed: Trade | null;
  /** It was found out that nothing is missing. */
  readonly isVoid: boolean;
};

/** A market that was not trading before has begun to: what it traded until its feed brought it may be missing. */
export type Beginning = {
  readonly symbol: string;
  readonly before: readonly [];
  /** It was not trading yet. */
  readonly since: EpochMillis;
  /** The first trade that a frame brought, if any. */
  readonly resumed: Trade | null;
  /** With contiguous ids: from this one on every trade is known or found missing by itself; `null` before the first. */
  readonly knownFrom: bigint | null;
};

export type Miss = Jump | Interruption | Beginning;

/** Where no list says that a market was gone, its clock may be off by this much, and what is known of its trades' times. */
const RENUMBERED_AFTER_MS = 60_000;

/** Known trades that are kept per instrument: enough to find an overlap even if many of them share a millisecond. */
const KEPT = 32;

type OpenJump = Jump & { readonly after: Map<string, Trade> };

/** Of an interruption: begun, and not settled yet. */
type OpenInterruption = { -readonly [Key in keyof Interruption]: Interruption[Key] } & {
  isGoingOn: boolean;
  isQuiet: boolean;
};

type OpenBeginning = { -readonly [Key in keyof Beginning]: Beginning[Key] };

type Memory = {
  /** Newest last; with contiguous ids no more than that one. */
  recent: Trade[];
  /** With contiguous ids: the highest, -1 before the first; and a time that the one after it is not older than. */
  highest: bigint;
  highestTime: EpochMillis | null;
  /** With: it was delisted, and no trade has shown yet whether its numbering goes on. */
  isRelisted: boolean;
  /** Without: nothing had been traded when REST was asked. */
  wasUntraded: boolean;
  /** How many trades were seen: who trades most is fetched first. */
  seen: number;
  jumps: OpenJump[];
  suspicion: OpenInterruption | null;
  beginning: OpenBeginning | null;
};

export class TradeContinuity {
  readonly #ids: TradeHistory['ids'];
  readonly #memories = new Map<string, Memory>();
  #newestTime = Number.NEGATIVE_INFINITY;

  constructor(ids: TradeHistory['ids']) {
    this.#ids = ids;
  }

  /** A trade out of a frame, published before or not. Answers with the miss that its id proves. */
  observe(trade: Trade): Jump | Beginning | null {
    const memory = this.#memoryOf(trade.symbol);
    memory.seen += 1;
    if (memory.beginning?.resumed === null) memory.beginning.resumed = trade;
    if (this.#ids === 'contiguous') return this.#observeNumber(memory, trade);
    this.#hear(trade);
    const { suspicion } = memory;
    if (suspicion?.resumed === null) {
      const wasKnown = suspicion.before.some(known => known.id === trade.id || isAnswerOf(known, trade));
      // `backfilled` in a frame is the answer to a subscription: the last trade there was.
      if (wasKnown && trade.backfilled) suspicion.isQuiet = true;
      if (!wasKnown) suspicion.resumed = trade;
    }
    remember(memory, trade);
    return null;
  }

  /**
   * A trade that another node published, or that was fetched: known, but no sign of what a feed carries. A jump between
   * such trades stays open like any other, see {@link openJumps}.
   *
   * @returns whether its instrument's numbering has begun anew by it
   */
  remember(trade: Trade): boolean {
    const memory = this.#memoryOf(trade.symbol);
    if (this.#ids === 'contiguous') {
      const miss = this.#observeNumber(memory, trade);
      return miss !== null && 'knownFrom' in miss;
    }
    this.#hear(trade);
    remember(memory, trade);
    // Fetched ones come late; a later interruption must find the newest at the end.
    memory.recent.sort((some, other) => (some.exchangeTime ?? 0) - (other.exchangeTime ?? 0));
    return false;
  }

  /** The node that publishes may have lost trades just now, and may end before it has read them back. */
  doubt(): void {
    this.interrupt([...this.#memories.keys()]);
  }

  /** It has had the time to read them back, or to declare them lost. */
  trust(): void {
    for (const memory of this.#memories.values()) {
      memory.suspicion = null;
      memory.beginning = null;
    }
  }

  /**
   * With contiguous ids: REST names the newest trade of an instrument that a feed carries, as it stood not before `time`.
   * Answers with the miss that this proves; where nothing was known so far, the next jump counts from here.
   */
  newestIs(symbol: string, id: string, time: EpochMillis): Jump | null {
    const memory = this.#memoryOf(symbol);
    const { highest } = memory;
    if (BigInt(id) <= highest) return null;
    const jump = highest < 0n ? null : openJump(memory, symbol, BigInt(id) + 1n, null);
    if (memory.beginning?.knownFrom === null) memory.beginning.knownFrom = BigInt(id) + 1n;
    memory.isRelisted = false;
    memory.highest = BigInt(id);
    memory.highestTime = time;
    return jump;
  }

  /** Whether a trade of this instrument, or that there was none, is known: without it no loss can be seen. */
  isAnchored(symbol: string): boolean {
    const memory = this.#memories.get(symbol);
    if (memory === undefined) return false;
    return memory.highest >= 0n || memory.recent.length > 0 || memory.wasUntraded;
  }

  /** Without contiguous ids: what REST says of an instrument of which no feed has brought a trade so far, newest first. */
  anchor(symbol: string, page: readonly Trade[]): void {
    const memory = this.#memoryOf(symbol);
    if (memory.recent.length > 0) return;
    memory.recent = page.slice(0, KEPT).reverse();
    memory.wasUntraded = page.length === 0;
  }

  /**
   * A market that was not trading at this time, or not known, has begun to. Where a trade of it is known all the same, it
   * goes on from there.
   */
  begin(symbol: string, since: EpochMillis): void {
    if (this.isAnchored(symbol)) return;
    this.#memoryOf(symbol).beginning = { symbol, before: [], since, resumed: null, knownFrom: null };
  }

  /** A market that was delisted trades again: its next trade tells whether its numbering goes on. */
  relist(symbol: string): void {
    const memory = this.#memories.get(symbol);
    if (memory !== undefined) memory.isRelisted = true;
  }

  /** Those of these instruments that began and whose first trades were not looked for yet. */
  beginnings(symbols: Iterable<string>): Beginning[] {
    return [...symbols].flatMap(symbol => this.#memories.get(symbol)?.beginning ?? []);
  }

  /** With contiguous ids: the first trade of one that began, and the last one that REST knows. Answers with what is missing. */
  beganWith({ symbol, since, resumed, knownFrom }: Beginning, first: bigint, last: bigint): Jump | null {
    const memory = this.#memoryOf(symbol);
    const until = knownFrom ?? last + 1n;
    if (memory.highest < until - 1n) memory.highest = until - 1n;
    if (first >= until) return null;
    const after = new Map(resumed !== null && BigInt(resumed.id) === until ? [[resumed.id, resumed]] : []);
    const jump: OpenJump = { symbol, before: [], after, from: first, until, since };
    memory.jumps.push(jump);
    return jump;
  }

  /** Whether trades of this instrument may be missing that nobody has found or declared so far. */
  isInDoubt(symbol: string): boolean {
    const memory = this.#memories.get(symbol);
    if (memory === undefined) return false;
    return memory.suspicion !== null || memory.beginning !== null || memory.jumps.length > 0;
  }

  /** What jumps of ids have proven and nobody has closed: a leader that stopped left them to the next one. */
  openJumps(): Jump[] {
    return [...this.#memories.values()].flatMap(({ jumps }) => jumps);
  }

  /** Another node declared what is missing before this trade, or up to now, as lost. */
  declared(symbol: string, untilId: string | null): void {
    const memory = this.#memories.get(symbol);
    if (memory === undefined || this.#ids !== 'contiguous') return;
    memory.jumps = memory.jumps.filter(({ until }) => untilId !== null && until > BigInt(untilId));
  }

  /**
   * The feed of these instruments was interrupted, just now or at an earlier time: what comes next, or came since, may come
   * after a loss.
   */
  interrupt(symbols: Iterable<string>, at: EpochMillis = Number.POSITIVE_INFINITY): void {
    if (this.#ids === 'contiguous') return;
    for (const symbol of symbols) {
      const memory = this.#memories.get(symbol);
      if (memory === undefined || !this.isAnchored(symbol)) continue;
      const { suspicion } = memory;
      const older = memory.recent.filter(({ receivedTime }) => receivedTime <= at);
      const newer = memory.recent.find(({ receivedTime }) => receivedTime > at);
      // Where nothing that is kept is older, it is searched from what there is.
      const isKnown = older.length > 0;
      const before = suspicion?.before ?? (isKnown ? older : [...memory.recent]);
      const resumed = isKnown ? (newer ?? null) : null;
      const heardUntil = suspicion?.heardUntil ?? Math.min(this.#newestTime, at);
      const begun = { symbol, before, heardUntil, resumed, isVoid: false, isGoingOn: true, isQuiet: false };
      // The end of one before was not found yet, so it takes in this one.
      memory.suspicion = suspicion === null ? begun : Object.assign(suspicion, begun);
    }
  }

  /** The feed has delivered again for a while: the instruments whose quiet is not proven. */
  settle(symbols: Iterable<string>): Interruption[] {
    const misses: Interruption[] = [];
    for (const symbol of symbols) {
      const memory = this.#memories.get(symbol);
      if (!memory?.suspicion?.isGoingOn) continue;
      memory.suspicion.isGoingOn = false;
      if (!memory.suspicion.isQuiet) {
        misses.push(memory.suspicion);
        continue;
      }
      // An earlier interruption may be under search: whoever searches hears of it.
      memory.suspicion.isVoid = true;
      memory.suspicion = null;
    }
    return misses;
  }

  /** All of a miss is fetched or declared lost. An interruption that came meanwhile keeps it open. */
  close(miss: Miss): void {
    const memory = this.#memories.get(miss.symbol);
    if (memory === undefined) return;
    memory.jumps = memory.jumps.filter(jump => jump !== miss);
    if (memory.beginning === miss) memory.beginning = null;
    if (memory.suspicion === miss && !memory.suspicion.isGoingOn) memory.suspicion = null;
  }

  /** What is known of these, all by default, does not count any more: their next trade continues nothing. */
  forget(symbols: Iterable<string> = [...this.#memories.keys()]): void {
    for (const symbol of symbols) this.#memories.delete(symbol);
  }

  /** How many trades of this instrument were seen. */
  activityOf(symbol: string): number {
    return this.#memories.get(symbol)?.seen ?? 0;
  }

  /** Without contiguous ids: time of the newest trade of all instruments. */
  get newestTime(): EpochMillis {
    return this.#newestTime;
  }

  #observeNumber(memory: Memory, trade: Trade): Jump | Beginning | null {
    const { highest, highestTime } = memory;
    const { symbol, exchangeTime } = trade;
    const isAnew =
      BigInt(trade.id) <= highest &&
      highestTime !== null &&
      exchangeTime !== null &&
      exchangeTime > highestTime + (memory.isRelisted ? 0 : RENUMBERED_AFTER_MS);
    if (!isAnew) return observeNumber(memory, trade);
    this.#memories.delete(symbol);
    const begun = this.#memoryOf(symbol);
    begun.seen = memory.seen;
    begun.beginning = { symbol, before: [], since: highestTime + 1, resumed: trade, knownFrom: null };
    observeNumber(begun, trade);
    return begun.beginning;
  }

  #hear({ exchangeTime }: Trade): void {
    if (exchangeTime !== null && exchangeTime > this.#newestTime) this.#newestTime = exchangeTime;
  }

  #memoryOf(symbol: string): Memory {
    let memory = this.#memories.get(symbol);
    if (memory === undefined) {
      memory = {
        recent: [],
        highest: -1n,
        highestTime: null,
        isRelisted: false,
        wasUntraded: false,
        seen: 0,
        jumps: [],
        suspicion: null,
        beginning: null,
      };
      this.#memories.set(symbol, memory);
    }
    return memory;
  }
}

function observeNumber(memory: Memory, trade: Trade): Jump | null {
  const number = BigInt(trade.id);
  const { highest } = memory;
  if (number <= highest) {
    // Two sockets that overlap, or a feed and another node's stream, may bring the later one first.
    for (const jump of memory.jumps) if (number >= jump.from && number < jump.until) jump.after.set(trade.id, trade);
    memory.jumps = memory.jumps.filter(jump => !isFilled(jump));
    return null;
  }
  if (memory.beginning?.knownFrom === null) memory.beginning.knownFrom = number;
  const isJump = highest >= 0n && number > highest + 1n;
  const jump = isJump ? openJump(memory, trade.symbol, number, trade) : null;
  memory.isRelisted = false;
  memory.highest = number;
  memory.highestTime = trade.exchangeTime;
  memory.recent = [trade];
  return jump;
}

/** Whether all that was missing has come by itself. */
function isFilled({ from, until, after }: OpenJump): boolean {
  const come = after.size - (after.has(String(until)) ? 1 : 0);
  return BigInt(come) === until - from;
}

/** What lies between the highest number and `until` is missing. */
function openJump(memory: Memory, symbol: string, until: bigint, behind: Trade | null): Jump {
  const { highest, highestTime: since, recent } = memory;
  const before = recent.filter(({ id }) => BigInt(id) === highest);
  const after = new Map(behind === null ? [] : [[behind.id, behind]]);
  const jump: OpenJump = { symbol, before, after, from: highest + 1n, until, since };
  memory.jumps.push(jump);
  return jump;
}

function remember(memory: Memory, trade: Trade): void {
  if (memory.recent.some(known => known.id === trade.id || isAnswerOf(known, trade))) return;
  memory.recent.push(trade);
  if (memory.recent.length >= 2 * KEPT) memory.recent = memory.recent.slice(-KEPT);
}
