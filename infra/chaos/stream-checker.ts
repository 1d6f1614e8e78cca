/**
 * The judge of what one consumer was given, against everything that was published. It shares no code with the stream
 * core, so that a mistake there cannot hide here: it knows only the rules of shared/wire/SPEC.md.
 */
import { conflationKey, type MarketEvent } from '../../shared/model/market-event.ts';
import type { Cut } from '../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import { expectedState, stateKey } from './expected-state.ts';
import type { Delivery } from './stream-delivery.ts';
import { type Reference, referenceOf, type SealedBatch } from './stream-reference.ts';

export type StreamCheck = {
  /** Every batch ever sealed, in order, from the very beginning. */
  readonly reference: readonly SealedBatch[];
  /** What deposed leaders went on to seal and no successor knew: it may be seen, if `diverged` follows. */
  readonly deposed?: readonly SealedBatch[];
  readonly deliveries: readonly Delivery[];
  /** What the consumer had before the first delivery. */
  readonly position?: Position | null;
  readonly cut?: Cut;
  /** Whether a loss that is declared is acceptable; by default any is a violation. */
  readonly mayLose?: boolean;
  /** The longest acceptable silence while the upstream is live; by default silence is not judged. */
  readonly maxSilenceMs?: number;
};

export type StreamRule =
  | 'ORD1'
  | 'ORD2'
  | 'TRM1'
  | 'EPO1'
  | 'GAP1'
  | 'SNP1'
  | 'RES1'
  | 'CNF1'
  | 'CUT1'
  | 'TRD1'
  | 'HB1';

/** `delivery` is the number of the delivery that showed it, from 0. */
export type Violation = { readonly rule: StreamRule; readonly delivery: number; readonly text: string };

export type StreamReport = {
  readonly violations: readonly Violation[];
  readonly figures: {
    readonly events: number;
    readonly trades: number;
    readonly batches: number;
    readonly snapshots: number;
    readonly heartbeats: number;
    /** What was declared as lost: after `from`, up to `to`. */
    readonly losses: readonly { readonly from: Position; readonly to: Position }[];
    readonly longestSilenceMs: number;
    readonly position: Position | null;
  };
};

/**
 * Heartbeats are made every 500 ms, once. A path that was held up hands over several at once, and after a move some come
 * again, so only their number over time tells that somebody makes up more.
 */
const BEAT_EVERY_MS = 500;
const MOST_BEATS_PER_MADE = 1.5;
const BEATS_FORGIVEN = 20;

export function checkStream(check: StreamCheck): StreamReport {
  return new Check(check).run();
}

class Check {
  readonly #check: StreamCheck;
  readonly #cut: Cut;
  readonly #reference: Reference;
  readonly #violations: Violation[] = [];
  readonly #delivered = new Set<string>();
  /** The same trades by what they say: fetched afterwards, one may have another id. */
  readonly #words = new Set<string>();
  readonly #losses: { from: Position; to: Position }[] = [];
  readonly #state: (position: Position) => Map<string, MarketEvent> | null;
  #start: Position | null;
  #position: Position | null;
  /** The highest writer that the consumer has met. */
  #writer = 0;
  #number = 0;
  #events = 0;
  #trades = 0;
  #beats = 0;
  #firstAt: number | null = null;
  #lastAt: number | null = null;
  #isSeeking = false;
  #longestSilenceMs = 0;

  constructor(check: StreamCheck) {
    this.#check = check;
    this.#cut = check.cut ?? 'full';
    this.#reference = referenceOf(check.reference, check.deposed ?? []);
    this.#state = expectedState(check.reference, this.#cut);
    this.#position = check.position ?? null;
    this.#start = this.#position;
  }

  run(): StreamReport {
    for (const text of this.#reference.faults) this.#blame('TRD1', text);
    const count = { batch: 0, snapshot: 0, heartbeat: 0, opened: 0, status: 0 };
    for (const [number, delivery] of this.#check.deliveries.entries()) {
      this.#number = number;
      count[delivery.kind]++;
      this.#hear(delivery);
      switch (delivery.kind) {
        case 'opened':
          this.#opened(delivery.position);
          break;
        case 'batch':
          this.#batch(delivery);
          break;
        case 'snapshot':
          this.#snapshot(delivery);
          break;
        case 'heartbeat':
          this.#heartbeat(delivery);
          break;
        case 'status':
          this.#isSeeking = delivery.upstream === 'seeking';
          break;
      }
    }
    this.#accountForTrades();
    return {
      violations: this.#violations,
      figures: {
        events: this.#events,
        trades: this.#trades,
        batches: count.batch,
        snapshots: count.snapshot,
        heartbeats: count.heartbeat,
        losses: this.#losses,
        longestSilenceMs: this.#longestSilenceMs,
        position: this.#position,
      },
    };
  }

  #blame(rule: StreamRule, text: string): void {
    this.#violations.push({ rule, delivery: this.#number, text });
  }

  #hear({ at }: Delivery): void {
    if (at === undefined) return;
    this.#firstAt ??= at;
    const { maxSilenceMs } = this.#check;
    const silentMs = this.#lastAt === null ? 0 : at - this.#lastAt;
    this.#lastAt = at;
    if (this.#isSeeking) return;
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs, silentMs);
    if (maxSilenceMs !== undefined && silentMs > maxSilenceMs) {
      this.#blame('HB1', `nothing came for ${Math.round(silentMs)} ms, which is more than ${maxSilenceMs} ms`);
    }
  }

  #opened(position: Position | null): void {
    if (this.#position === null || samePlace(position, this.#position)) return;
    this.#blame('RES1', `a path was opened at ${show(position)} although the consumer was at ${show(this.#position)}`);
  }

  #batch({ writer, epoch, first, next, events }: Delivery & { kind: 'batch' }): void {
    const have = this.#position;
    const range = `${epoch}:${first}–${next - 1}`;
    if (have === null) {
      this.#blame('SNP1', `${range} came before the first snapshot`);
      this.#start = { epoch, offset: first - 1 };
    } else if (epoch < have.epoch) {
      this.#blame('ORD2', `${range} came after ${show(have)}: epochs went back`);
      return;
    } else if (epoch === have.epoch && first <= have.offset) {
      this.#blame('TRM1', `${range} was not trimmed: the consumer had ${show(have)} already`);
    } else if (!this.#reference.isNext(have, { epoch, offset: first - 1 })) {
      const rule = epoch === have.epoch ? 'GAP1' : 'EPO1';
      this.#blame(rule, `${range} came after ${show(have)}: what lies between is missing and nobody said so`);
    }
    if (writer < epoch) this.#blame('ORD2', `${range} was written by ${writer}, who cannot know that epoch`);
    // History keeps the writer it was sealed by; what no successor knows is none.
    if (writer < this.#writer && this.#reference.isDeposed({ epoch, offset: next - 1 })) {
      this.#blame('ORD2', `${range} was written by ${writer}, after the first record of ${this.#writer}`);
    }
    this.#writer = Math.max(this.#writer, writer);
    if (next <= first) this.#blame('ORD1', `${range} covers nothing`);
    let last = first - 1;
    for (const event of events) {
      if (event.offset <= last || event.offset >= next) {
        this.#blame('ORD1', `in ${range}, offset ${event.offset} came after ${last}`);
      }
      last = Math.max(last, event.offset);
      this.#event(epoch, event);
    }
    this.#completeness(epoch, first, next, events);
    const position = { epoch, offset: next - 1 };
    if (have === null || comparePositions(position, have) > 0) this.#position = position;
  }

  #event(epoch: number, event: MarketEvent): void {
    this.#events++;
    const place = `${epoch}:${event.offset}`;
    const sealed = this.#reference.event(epoch, event.offset);
    if (sealed === undefined) this.#blame('ORD2', `${place} (${event.type}) was never published`);
    else if (!isSame(sealed, event))
      this.#blame('ORD1', `${place} is not what was published: ${JSON.stringify(event)}`);
    if (this.#cut === 'lite' && event.type === 'orderBook')
      this.#blame('CUT1', `${place} is an order book in the lite cut`);
    if (event.type !== 'trade') return;
    this.#trades++;
    const key = tradeKey(event);
    if (this.#delivered.has(key)) this.#blame('TRD1', `trade ${key} came a second time, at ${place}`);
    this.#delivered.add(key);
    this.#words.add(tradeWords(event));
  }

  /** Rule TRD1: after a divergence a trade may be left out because it was delivered before. */
  #wasDelivered(event: MarketEvent & { type: 'trade' }): boolean {
    return this.#delivered.has(tradeKey(event)) || (event.backfilled === true && this.#words.has(tradeWords(event)));
  }

  /** Rule CNF1: what a batch covers and does not hold must have been replaced within it. */
  #completeness(epoch: number, first: number, next: number, events: readonly MarketEvent[]): void {
    const held = new Set(events.map(event => event.offset));
    const lastOfKey = new Map<string, number>();
    for (const event of events) {
      const key = conflationKey(event);
      if (key !== null) lastOfKey.set(key, event.offset);
    }
    for (let offset = first; offset < next; offset++) {
      if (held.has(offset)) continue;
      const event = this.#reference.event(epoch, offset);
      if (event === undefined || (this.#cut === 'lite' && event.type === 'orderBook')) continue;
      if (event.type === 'trade' && this.#wasDelivered(event)) continue;
      const key = conflationKey(event);
      const place = `${epoch}:${offset} (${event.type} ${event.symbol ?? ''})`;
      if (key === null) this.#blame('CNF1', `${place} was left out, and may never be`);
      else if ((lastOfKey.get(key) ?? 0) < offset) this.#blame('CNF1', `${place} was left out without a later value`);
    }
    if (!this.#reference.isBoundary({ epoch, offset: next - 1 })) {
      this.#blame('CNF1', `${epoch}:${first}–${next - 1} does not end where a sealed batch ends`);
    }
  }

  #snapshot({ epoch, offset, reason, recovered, events }: Delivery & { kind: 'snapshot' }): void {
    const have = this.#position;
    const position = { epoch, offset };
    const name = `the snapshot at ${show(position)}`;
    if (recovered === (reason === 'lost')) this.#blame('GAP1', `${name} says ${reason} and recovered: ${recovered}`);
    if (have === null) {
      this.#start = position;
      if (reason !== 'initial') this.#blame('SNP1', `${name} says ${reason} to a consumer that had nothing`);
    } else if (comparePositions(position, have) < 0) {
      this.#blame('ORD2', `${name} took the consumer back from ${show(have)}`);
      return;
    } else if (reason === 'initial') {
      this.#blame('RES1', `${name} began anew although the consumer was at ${show(have)}`);
      this.#losses.push({ from: have, to: position });
    } else if (reason === 'diverged') {
      if (!this.#reference.isDeposed(have))
        this.#blame('EPO1', `${name} says diverged, but ${show(have)} is known to all`);
      this.#losses.push({ from: have, to: position });
    } else {
      if (samePlace(position, have)) this.#blame('GAP1', `${name} declares a loss where nothing is missing`);
      else if (this.#check.mayLose !== true)
        this.#blame('GAP1', `what lies between ${show(have)} and ${show(position)} was lost`);
      this.#losses.push({ from: have, to: position });
    }
    this.#position = position;
    this.#writer = Math.max(this.#writer, epoch);
    if (!this.#reference.isBoundary(position)) this.#blame('SNP1', `${name} is not at a batch boundary`);
    this.#compareState(name, position, events);
  }

  #compareState(name: string, position: Position, events: readonly MarketEvent[]): void {
    // What a deposed leader knew last is nobody's reference.
    const expected = this.#reference.isDeposed(position) ? null : this.#state(position);
    if (expected === null) return;
    const given = new Map<string, MarketEvent>();
    for (const event of events) {
      const key = stateKey(event);
      if (key === null) this.#blame('SNP1', `${name} holds a ${event.type}, which is no state`);
      else if (given.has(key)) this.#blame('SNP1', `${name} holds ${key} twice`);
      else given.set(key, event);
    }
    for (const [key, event] of expected) {
      const other = given.get(key);
      if (other === undefined) this.#blame('SNP1', `${name} lacks ${key}`);
      else if (!isSame(other, event))
        this.#blame('SNP1', `${name} has another ${key} than was published: ${JSON.stringify(other)}`);
    }
    for (const key of given.keys())
      if (!expected.has(key)) this.#blame('SNP1', `${name} has ${key}, which it should not`);
  }

  #heartbeat({ at, epoch, offset }: Delivery & { kind: 'heartbeat' }): void {
    const position = { epoch, offset };
    const have = this.#position;
    if (have !== null && comparePositions(position, have) > 0 && !this.#reference.isNext(have, position)) {
      this.#blame('HB1', `a heartbeat at ${show(position)} was passed over although the consumer was at ${show(have)}`);
    }
    if (at === undefined) return;
    this.#beats++;
    const made = Math.max(0, at - this.#firstAt!) / BEAT_EVERY_MS;
    if (this.#beats <= made * MOST_BEATS_PER_MADE + BEATS_FORGIVEN) return;
    this.#blame('HB1', `${this.#beats} heartbeats came while ${Math.round(made)} were made: somebody invents them`);
  }

  /** Rule TRD1 once more, as plain bookkeeping: whatever was published in between was given or declared. */
  #accountForTrades(): void {
    const [start, end] = [this.#start, this.#position];
    if (start === null || end === null) return;
    for (const { epoch, events } of this.#check.reference) {
      for (const event of events) {
        if (event.type !== 'trade' || this.#wasDelivered(event)) continue;
        const place = { epoch, offset: event.offset };
        if (!isBetween(start, place, end)) continue;
        if (this.#losses.some(({ from, to }) => isBetween(from, place, to))) continue;
        this.#blame('TRD1', `trade ${tradeKey(event)} at ${show(place)} never came, and its loss was not declared`);
      }
    }
  }
}

function isBetween(from: Position, place: Position, to: Position): boolean {
  return comparePositions(place, from) > 0 && comparePositions(place, to) <= 0;
}

function samePlace(a: Position | null, b: Position | null): boolean {
  return a === b || (a !== null && b !== null && comparePositions(a, b) === 0);
}

function tradeKey(event: MarketEvent & { type: 'trade' }): string {
  return `${event.exchange}:${event.symbol}:${event.id}`;
}

function tradeWords({
  exchange,
  symbol,
  price,
  size,
  takerSide,
  exchangeTime,
}: MarketEvent & { type: 'trade' }): string {
  return [exchange, symbol, price, size, takerSide, exchangeTime].join(' ');
}

/** Equal whatever the order of the fields. */
function isSame(a: MarketEvent, b: MarketEvent): boolean {
  return a === b || canonical(a) === canonical(b);
}

function canonical(event: MarketEvent): string {
  return JSON.stringify(Object.entries(event).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function show(position: Position | null): string {
  return position === null ? 'nothing' : `${position.epoch}:${position.offset}`;
}
