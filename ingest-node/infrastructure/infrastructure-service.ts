/**
 * One way on which the sealed stream leaves this node and can be read back: Redis, Kafka, plain WebSockets.
 *
 * What every service promises (infrastructure.suite.ts proves it):
 * - *Publishing* is a cursor over the node's own log. The service keeps no backlog of its own: what it lags behind lies
 *   in the log, and is sent as merged batches of whole adjacent sealed ones. One write is under way at a time. After
 *   anything that went wrong it asks its path for the last position that arrived, and goes on from there.
 * - *Fencing* (rule EPO2): the path remembers the highest writer. A lower one is refused in the same breath in which it
 *   would have written, learns who is higher, and the service says so once ({@link PublishTerm.onFenced}).
 * - *Reading* is a {@link StreamSource}: every reader may resume by position, also in an epoch before this one.
 * - Nothing here throws because the other side is away; health says so within three seconds, and it heals by itself.
 */
import type { StreamSource } from '../../shared/stream/source.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import type { Lineage, Position } from '../../shared/wire/position.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';

export type InfrastructureService = {
  /** As in the registry. */
  readonly name: string;
  /** The stream as this path gives it back; `null` where there is nothing to read. */
  readonly source: StreamSource | null;
  /** Begins to watch the path's health. */
  start(): void;
  /** What the path knows, without changing anything. Rejects when it cannot be asked in time. */
  tail(): Promise<PathTail>;
  /**
   * Raises the fence to `writer`: from then on nobody lower writes. The tail is read in the same step, so it is final for
   * all lower writers. Rejects with {@link FencedError}, or when the path cannot be asked in time.
   */
  fence(writer: number): Promise<PathTail>;
  /**
   * Begins to publish a log from where the path stands, old epochs that the path lacks first (rule EPO1), until
   * {@link retire}. The log stands in the term's epoch already. A new term replaces the one before.
   */
  publish(term: PublishTerm): void;
  /** Rule HB1: the leader beats. Goes out when everything before it has. */
  heartbeat(): void;
  /** Whether everything that the log held when it was asked, or more, has arrived within the time (rule HND1). */
  flush(withinMs: number): Promise<boolean>;
  /** Ends publishing; a write that is under way may still arrive. */
  retire(): void;
  health(): ComponentHealth;
  stop(): Promise<void>;
};

/** An infrastructure that there is, and its service where this installation has it. */
export type OpenedInfrastructure = {
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  readonly service: InfrastructureService | null;
};

export type PublishTerm = {
  readonly epoch: number;
  readonly log: StreamLog;
  /** The leader before said where it ended, and the log goes on from there: nobody can have read anything else. */
  readonly continues?: boolean;
  /** A higher writer was found: this node no longer leads. Said once, after which the service publishes nothing. */
  readonly onFenced: (higher: number) => void;
};

/** What a path holds. */
export type PathTail = {
  /** Highest writer that the path has seen; 0 when none. */
  readonly writer: number;
  /** The last event that can be read back; `null` when the path holds none. */
  readonly position: Position | null;
  /** Finished epochs as the path knows them; may be older than what its readers know. */
  readonly lineage: Lineage;
};

/** A write or a fence was refused because somebody higher has been there. */
export class FencedError extends Error {
  readonly higher: number;

  constructor(service: string, higher: number) {
    super(`${service} is fenced by writer ${higher}`);
    this.name = 'FencedError';
    this.higher = higher;
  }
}
