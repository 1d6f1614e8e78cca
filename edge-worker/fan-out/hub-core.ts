import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import { joinParts } from '../../shared/stream/parts.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import { encodeMessage, heartbeatAt } from '../../shared/wire/json-codec.ts';
import { CUTS, HEARTBEAT_INTERVAL_MS, type SnapshotReason } from '../../shared/wire/messages.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import { HistorySearch } from './history-search.ts';
import { HubLinks, type RelaySocket } from './hub-links.ts';
import { placeSession } from './placement.ts';
import type { ShardReport } from './relay-frame.ts';
import { buildUnits } from './relay-unit.ts';
import type { SnapshotPart } from './snapshot-shelf.ts';
import { DEFAULT_TAIL_BOUNDS, type TailBounds, UnitTail } from './unit-tail.ts';
import { Upstream, type UpstreamView } from './upstream.ts';

export type HubCoreOptions = {
  readonly name: string;
  readonly clock: Clock;
  /** Redis and ingest nodes, in order of preference; where history is read from too. */
  readonly sources: readonly StreamSource[];
  /** Browsers per shard. */
  readonly capacity: number;
  /** Opens a relay to a shard; answers through {@link HubCore.relayOpened}. */
  readonly dial: (shard: string) => void;
  /** How often what is new is merged and sent on. */
  readonly paceMs?: number;
  /** Without viewers or questions for this long the hub lets go of everything. */
  readonly releaseAfterMs?: number;
  readonly bounds?: TailBounds;
  readonly random?: () => number;
};

/** A snapshot is good for joiners for this long: the shard's history covers the rest. */
const SNAPSHOT_REUSE_MS = 1_000;
/** Well below the 1.5 s after which a silent hop is dead. */
const SPEAK_AFTER_MS = 1_000;

/**
 * One region's follower of the stream: reads it once, keeps the latest state and the recent past, and hands every shard
 * the same merged, encoded batches at its own pace. It sleeps until somebody needs it.
 */
export class HubCore {
  readonly #options: Required<HubCoreOptions>;
  readonly #tail: UnitTail;
  readonly #links: HubLinks;
  readonly #upstream: Upstream;
  readonly #search: HistorySearch;
  #snapshot: { position: Position; at: number; parts: SnapshotPart[] } | null = null;
  #lastNeeded = 0;
  #lastToldAt = 0;
  #idleShards = new Map<string, number>();
  #firstState: (() => void)[] = [];
  #cancelTick: CancelTimer = () => {};

  constructor(options: HubCoreOptions) {
    const defaults = { paceMs: 100, releaseAfterMs: 30_000, bounds: DEFAULT_TAIL_BOUNDS, random: Math.random };
    this.#options = { ...defaults, ...options };
    const { clock, sources, random, bounds } = this.#options;
    this.#tail = new UnitTail(bounds);
    this.#upstream = new Upstream({
      clock,
      sources,
      random,
      onPressure: () => this.#flush(),
      onBeforeReset: () => this.#flush(),
      onReset: reason => this.#restarted(reason),
      onBatch: () => this.#tellFirstState(),
      onTurn: () => this.#tellStatus(),
    });
    this.#links = new HubLinks({
      tail: this.#tail,
      snapshotParts: () => this.#snapshotParts(),
      status: () => ({ kind: 'status', upstream: this.#upstream.view.state, since: this.#upstream.view.since }),
      seekHistory: position => this.#search.seek(position),
    });
    this.#search = new HistorySearch({
      clock,
      sources,
      floor: () => this.#tail.floor,
      onFound: batches => this.#tail.prepend(buildUnits(batches), clock.monotonic()),
      onEnd: unhealable => {
        this.#flush();
        this.#links.settle(unhealable);
      },
    });
  }

  get upstream(): UpstreamView {
    return this.#upstream.view;
  }

  /** The latest state, newer than what was sent by less than a tick. */
  get log(): Pick<StreamLog, 'position' | 'lineage' | 'latest'> {
    return this.#upstream.log;
  }

  get sessions(): number {
    let total = 0;
    for (const count of this.#links.sessions().values()) total += count;
    return total;
  }

  shards(): readonly ShardReport[] {
    return this.#links.reports();
  }

  /** Somebody needs the stream: follow it, for a while at least. */
  need(): void {
    this.#lastNeeded = this.#options.clock.monotonic();
    if (this.#upstream.isFollowing) return;
    this.#upstream.start();
    this.#scheduleTick();
  }

  /** Resolves when there is a present state to show, or after `timeoutMs`; says which. */
  whenKnown(timeoutMs: number): Promise<boolean> {
    this.need();
    if (this.#upstream.isCaughtUp) return Promise.resolve(true);
    return new Promise(resolve => {
      const cancel = this.#options.clock.setTimer(timeoutMs, () => {
        this.#firstState = this.#firstState.filter(waiting => waiting !== known);
        // An old one is better than none.
        resolve(this.#tail.head !== null);
      });
      const known = () => {
        cancel();
        resolve(true);
      };
      this.#firstState.push(known);
    });
  }

  /** Name of the shard for the next browser. */
  place(refused: string | null): string {
    this.need();
    const { name, capacity } = this.#options;
    return placeSession(name, this.#links.sessions(), capacity, refused);
  }

  /** A shard asks to be served. It is dialed even if we believe it connected, because it does not. */
  attach(shard: string): void {
    this.need();
    this.#links.close(shard);
    this.#options.dial(shard);
  }

  relayOpened(shard: string, socket: RelaySocket): void {
    this.#links.opened(shard, socket);
  }

  relayMessage(shard: string, text: string): void {
    // What a joining shard is sent ends where everybody else stands.
    this.#flush();
    this.#links.received(shard, text);
  }

  relayClosed(shard: string, socket: RelaySocket): void {
    this.#links.closed(shard, socket);
  }

  #restarted(reason: SnapshotReason): void {
    const { position, lineage } = this.#upstream.log;
    this.#snapshot = null;
    this.#tail.reset(position, lineage);
    this.#links.resetAll(reason === 'initial' ? 'lost' : reason);
    this.#links.settle();
    this.#tellFirstState();
  }

  #tellFirstState(): void {
    if (this.#firstState.length === 0 || !this.#upstream.isCaughtUp) return;
    for (const known of this.#firstState.splice(0)) known();
  }

  #scheduleTick(): void {
    this.#cancelTick();
    this.#cancelTick = this.#options.clock.setTimer(this.#options.paceMs, () => {
      this.#tick();
      if (this.#upstream.isFollowing) this.#scheduleTick();
    });
  }

  #tick(): void {
    const now = this.#options.clock.monotonic();
    const writer = this.#upstream.takeHeartbeat();
    const position = this.#tail.head;
    if (!this.#flush() && writer !== null && position !== null) {
      // Rule HB1: passed on because one came, and at the position that this path has sent.
      const message = encodeMessage(heartbeatAt(writer, position.epoch, position.offset));
      this.#links.broadcast({ kind: 'heartbeat', position, message });
      this.#lastToldAt = now;
    }
    // Seeking, or quiet for long: said again, so that the shards know that this hop lives.
    const quietMs = now - this.#lastToldAt;
    const isSeeking = this.#upstream.view.state === 'seeking';
    if (quietMs >= (isSeeking ? HEARTBEAT_INTERVAL_MS : SPEAK_AFTER_MS)) this.#tellStatus();
    this.#releaseIdle(now);
  }

  /** Sends what is new as merged batches; whether there was any. */
  #flush(): boolean {
    const batches = this.#upstream.takeUnsent();
    if (batches.length === 0) return false;
    const now = this.#options.clock.monotonic();
    this.#lastToldAt = now;
    for (const unit of buildUnits(batches)) {
      this.#tail.push(unit, now);
      this.#links.broadcast({ kind: 'batch', unit });
    }
    return true;
  }

  #tellStatus(): void {
    this.#flush();
    this.#lastToldAt = this.#options.clock.monotonic();
    this.#links.broadcastStatus();
  }

  /** The latest state at the position sent: only asked for when everything has been sent. */
  #snapshotParts(): readonly SnapshotPart[] {
    const now = this.#options.clock.monotonic();
    const position = this.#tail.head!;
    const cached = this.#snapshot;
    const isUsable =
      cached !== null &&
      now - cached.at < SNAPSHOT_REUSE_MS &&
      cached.position.epoch === position.epoch &&
      comparePositions(cached.position, this.#tail.floor!) >= 0;
    if (isUsable) return cached.parts;
    const { lineage } = this.#tail;
    const parts = CUTS.flatMap(cut => {
      const encoded = joinParts(this.#upstream.log.latest.textsOf(cut));
      return encoded.map((events, index) => ({
        cut,
        position,
        part: index + 1,
        parts: encoded.length,
        lineage,
        events,
      }));
    });
    this.#snapshot = { position, at: now, parts };
    return parts;
  }

  #releaseIdle(now: number): void {
    const { releaseAfterMs } = this.#options;
    for (const [shard, sessions] of this.#links.sessions()) {
      const idleSince = sessions > 0 ? now : (this.#idleShards.get(shard) ?? now);
      this.#idleShards.set(shard, idleSince);
      if (now - idleSince >= releaseAfterMs) this.#links.close(shard);
    }
    for (const shard of this.#idleShards.keys()) if (!this.#links.has(shard)) this.#idleShards.delete(shard);
    if (this.sessions > 0) this.#lastNeeded = now;
    if (now - this.#lastNeeded >= releaseAfterMs) this.#release();
  }

  #release(): void {
    this.#cancelTick();
    this.#search.cancel();
    this.#links.closeAll();
    this.#upstream.stop();
    this.#tail.clear();
    this.#snapshot = null;
  }
}
