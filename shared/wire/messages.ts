import type { MarketEvent } from '../model/market-event.ts';
import type { EpochMillis } from '../model/time.ts';
import type { Lineage } from './position.ts';

/** Which types a session receives: everything, or everything but order books (rule CUT1). */
export type Cut = 'full' | 'lite';

export const CUTS = ['full', 'lite'] as const satisfies readonly Cut[];

/** Whether an event belongs to a cut. */
export function isInCut(event: Pick<MarketEvent, 'type'>, cut: Cut): boolean {
  return cut === 'full' || event.type !== 'orderBook';
}

/** The greeting, first message of every session. */
export type Hello = {
  readonly type: 'hello';
  readonly protocol: number;
  /** Who serves this session: a node's id, or a shard's name at the edge. */
  readonly server: string;
  readonly cut: Cut;
  /** The newest position of this server when the session began. */
  readonly epoch: number;
  readonly offset: number;
  readonly lineage: Lineage;
};

/**
 * Latest state at a position (rule SNP1). In parts: the state is complete, and the position holds, after the last one.
 * Events keep the offsets they were sealed with, in whichever epoch that was, and are in no particular order.
 */
export type Snapshot = {
  readonly type: 'snapshot';
  readonly epoch: number;
  readonly offset: number;
  readonly part: number;
  readonly parts: number;
  /**
   * `initial`: the consumer brought no position. `lost`: it brought one that history no longer covers, or fell too far
   * behind; events between are gone. `diverged`: it had seen events that no successor knows (rules EPO1, TRD1).
   */
  readonly reason: SnapshotReason;
  /** `false` exactly when `reason` is `lost`: what is missing cannot be healed (rule GAP1). */
  readonly recovered: boolean;
  readonly lineage: Lineage;
  readonly events: readonly MarketEvent[];
};

export type SnapshotReason = 'initial' | 'lost' | 'diverged';

/**
 * Events `first … next-1` of an epoch. A sealed batch holds each of them; a merged one may have left out events that a
 * later one in it replaces (rule CNF1). An empty batch with `first = next` is a heartbeat (rule HB1).
 */
export type Batch = {
  readonly type: 'batch';
  /** Epoch of who publishes; differs from `epoch` when a new leader copies an old epoch forward (rules ORD2, EPO1). */
  readonly writer: number;
  readonly epoch: number;
  readonly first: number;
  readonly next: number;
  /** Present when the batch travels in several messages: the position advances after the last part. */
  readonly part?: number;
  readonly parts?: number;
  /** Present on the first batch of an epoch. */
  readonly lineage?: Lineage;
  readonly events: readonly MarketEvent[];
};

/** How the server itself fares with its upstream (rule HB1). `seeking` means stay: it is looking for another path. */
export type Status = {
  readonly type: 'status';
  readonly upstream: UpstreamState;
  readonly since: EpochMillis;
};

export type UpstreamState = 'live' | 'seeking';

export type ServerMessage = Hello | Snapshot | Batch | Status;

/** What a client may send, and what it is answered. Anything else is counted and answered by closing. */
export const CLIENT_PING = 'ping';
export const SERVER_PONG = 'pong';

/** No message is larger than this, so that no single one blocks a connection for long. */
export const MAX_PART_BYTES = 256 * 1024;

/** Rule HB1: the leader's beat, and after how long a silent hop is dead. */
export const HEARTBEAT_INTERVAL_MS = 500;
export const HOP_DEAD_AFTER_MS = 1_500;
/**
 * A server that has said `seeking` repeats that every 500 ms. It is left for dead later than one that should be sending
 * data: by session timeout + 1 s a new leader is there, and everybody who stayed goes on without a new connection.
 */
export const SEEKING_DEAD_AFTER_MS = 5_000;
