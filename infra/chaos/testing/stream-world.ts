import { ManualClock } from '../../../shared/base/testing/manual-clock.ts';
import type { MarketEvent } from '../../../shared/model/market-event.ts';
import { candle, deepOrderBook, feed, gap, quote, ticker, trade } from '../../../shared/model/testing/market-events.ts';
import { FollowedLog } from '../../../shared/stream/followed-log.ts';
import { ResilientSource } from '../../../shared/stream/resilient-source.ts';
import { StreamLog } from '../../../shared/stream/stream-log.ts';
import { MemorySource } from '../../../shared/stream/testing/memory-source.ts';
import { Publisher } from '../../../shared/stream/testing/publisher.ts';
import { HEARTBEAT_INTERVAL_MS } from '../../../shared/wire/messages.ts';
import { DeliveryRecorder } from '../delivery-recorder.ts';
import type { SealedBatch } from '../stream-reference.ts';

/** What can happen to the world. `path` is 0 to 2; numbers are bounded by whoever draws them. */
export type Happening =
  | { readonly kind: 'seal'; readonly events: readonly number[] }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'takeover'; readonly by: number }
  /** The leader is deposed without knowing it: it goes on for a while on path 2. */
  | { readonly kind: 'depose'; readonly by: number }
  | { readonly kind: 'cut' | 'lose' | 'repeat' | 'stall' | 'refuse' | 'forget'; readonly path: number }
  | { readonly kind: 'slow'; readonly path: number; readonly latencyMs: number; readonly window: number };

export type WorldOptions = { readonly maxBytes: number; readonly hasPosition: boolean; readonly cut: 'full' | 'lite' };

const FIRST_EPOCH = 1_785_397_200;

/**
 * A leader, a follower that reads from it, a node that may stay with a deposed leader, and one consumer with a path to
 * each of them. Everything happens by a clock that is moved by hand, so that a number is enough to play it again.
 */
export class StreamWorld {
  readonly clock = new ManualClock();
  readonly published: SealedBatch[] = [];
  readonly deposed: SealedBatch[] = [];
  readonly recorder: DeliveryRecorder;
  readonly consumer: ResilientSource;
  readonly paths: readonly MemorySource[];
  readonly #now = () => this.clock.monotonic();
  readonly #leader: Publisher;
  readonly #follower: FollowedLog;
  /** The log behind path 2: the same stream, until a leader is deposed. */
  readonly #other: Publisher;
  readonly #upstream: MemorySource;
  #isSplit = false;
  #cancelBeat: () => void = () => {};
  #events = 0;

  constructor({ maxBytes, hasPosition, cut }: WorldOptions) {
    const bounds = { maxAgeMs: 60_000, maxBytes };
    const { clock } = this;
    this.#leader = new Publisher(new StreamLog(bounds), this.#now);
    this.#other = new Publisher(new StreamLog(bounds), this.#now);
    for (const node of [this.#leader, this.#other]) node.beginEpoch(FIRST_EPOCH);
    this.#upstream = new MemorySource({ name: 'leader to follower', log: this.#leader.log, clock });
    const follower = new StreamLog(bounds);
    this.paths = [
      new MemorySource({ name: 'leader', log: this.#leader.log, clock }),
      new MemorySource({ name: 'follower', log: follower, clock, latencyMs: 3 }),
      new MemorySource({ name: 'other', log: this.#other.log, clock, latencyMs: 2 }),
    ];
    const relay = this.paths[1]!;
    relay.setUpstream('seeking');
    this.#follower = new FollowedLog({
      log: follower,
      sources: [this.#upstream],
      clock,
      random: () => 0.5,
      onHeartbeat: () => relay.heartbeat(),
      onTurn: ({ state }) => relay.setUpstream(state),
    });
    this.#follower.start();
    const position = hasPosition ? { epoch: FIRST_EPOCH, offset: 0 } : null;
    this.recorder = new DeliveryRecorder(this.#now, position);
    this.consumer = new ResilientSource({
      sources: this.paths,
      position,
      cut,
      clock,
      random: () => 0.5,
      onBatch: batch => this.recorder.batch(batch),
      onSnapshot: snapshot => this.recorder.snapshot(snapshot),
      onHeartbeat: at => this.recorder.heartbeat(at),
    });
    this.consumer.start();
    this.#beat();
  }

  get position() {
    return this.#leader.log.position;
  }

  happen(happening: Happening): void {
    switch (happening.kind) {
      case 'seal':
        this.#seal(happening.events.map(number => this.#event(number)));
        break;
      case 'pass':
        this.clock.advance(happening.ms);
        break;
      case 'takeover':
        this.#takeover(happening.by);
        break;
      case 'depose':
        this.#depose(happening.by);
        break;
      case 'slow': {
        const path = this.paths[happening.path]!;
        path.latencyMs = happening.latencyMs;
        path.window = happening.window;
        break;
      }
      default:
        this.#disturb(happening.kind, this.paths[happening.path]!);
        break;
    }
  }

  #beat(): void {
    this.#cancelBeat = this.clock.setTimer(HEARTBEAT_INTERVAL_MS, () => {
      for (const source of [this.#upstream, this.paths[0]!, this.paths[2]!]) source.heartbeat();
      this.#beat();
    });
  }

  /** All disturbances end; the world must then come to rest with the consumer at the leader's position. */
  heal(): boolean {
    for (const path of this.paths) {
      path.stall(false);
      path.refusal = null;
      path.onTheWay = text => [text];
      path.latencyMs = 1;
      path.window = Number.POSITIVE_INFINITY;
    }
    if (this.#isSplit) this.paths[2]!.refusal = { reason: 'the deposed leader has stepped down', verdict: 'reconnect' };
    if (this.#isSplit) this.paths[2]!.cut();
    for (let waitedMs = 0; waitedMs < 180_000; waitedMs += 500) {
      this.clock.advance(500);
      if (waitedMs === 1_000) this.#seal([trade('LAST/KRW')]);
      const { epoch, offset } = this.position;
      const at = this.consumer.position;
      const isThere = at?.epoch === epoch && at.offset === offset;
      if (waitedMs > 2_000 && isThere && this.consumer.state.name === 'live') return true;
    }
    return false;
  }

  stop(): void {
    this.#cancelBeat();
    this.consumer.stop();
    this.#follower.stop();
    this.clock.advance(120_000);
  }

  #seal(events: readonly MarketEvent[]): void {
    if (events.length === 0) return;
    const batch = this.#leader.seal(...events);
    this.published.push(batch);
    if (!this.#isSplit) this.#other.log.append(batch, this.#now());
  }

  #takeover(by: number): void {
    const lineage = this.#leader.nextLineage();
    const epoch = this.position.epoch + by;
    this.#leader.beginEpoch(epoch, lineage);
    if (!this.#isSplit) this.#other.beginEpoch(epoch, lineage);
  }

  #depose(by: number): void {
    if (this.#isSplit) return;
    this.#isSplit = true;
    this.deposed.push(this.#other.seal(trade('DEPOSED/KRW'), ticker('A/KRW', { last: 'deposed' })));
    this.#takeover(by);
    this.deposed.push(this.#other.seal(trade('DEPOSED/KRW')));
  }

  #disturb(kind: 'cut' | 'lose' | 'repeat' | 'stall' | 'refuse' | 'forget', path: MemorySource): void {
    switch (kind) {
      case 'cut':
        path.cut();
        break;
      case 'stall':
        path.stall(!path.isStalled);
        break;
      case 'refuse':
        path.refusal = path.refusal === null ? { reason: 'refused', verdict: 'reconnect' } : null;
        path.cut();
        break;
      case 'forget': {
        const { position, writer, lineage, latest } = path.log;
        if (position.epoch > 0) path.log.reset(position, writer, lineage, latest.events());
        break;
      }
      default:
        path.onTheWay = text => {
          path.onTheWay = same => [same];
          return kind === 'lose' ? [] : [text, text];
        };
    }
  }

  /** A number says which event; large ones fill messages, so that some batches travel in parts. */
  #event(number: number): MarketEvent {
    const symbol = `${'ABC'[number % 3]}/KRW`;
    const value = String(++this.#events);
    const makers = [
      () => trade(symbol),
      () => trade(symbol),
      () => ticker(symbol, { last: value }),
      () => quote(symbol, { bid: value }),
      () => deepOrderBook(symbol, 1 + (number % 5), { sequence: value }),
      () => candle(symbol, { openTime: 60_000 * (number % 2), closed: number % 4 === 0 }),
      () => feed(`upbit-${number % 2}`, number % 4 < 2 ? 'live' : 'down'),
      () => (number % 11 === 0 ? deepOrderBook(symbol, 2_000, { sequence: value }) : gap(symbol)),
    ];
    return makers[number % makers.length]!();
  }
}
