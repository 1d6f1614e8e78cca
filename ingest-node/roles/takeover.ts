import type { Clock } from '../../shared/base/clock.ts';
import { type CatchUpRequest, type CaughtUp, catchUp } from '../../shared/stream/catch-up.ts';
import { applyBatch, applySnapshot, type FollowedLogOptions } from '../../shared/stream/followed-log.ts';
import { extendLineage } from '../../shared/stream/lineage.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import { comparePositions, type Lineage, type Position } from '../../shared/wire/position.ts';
import type { FenceReport } from '../infrastructure/composite-service.ts';

export type TakeoverOptions = {
  readonly epoch: number;
  readonly log: StreamLog;
  readonly clock: Clock;
  /** Where the leader before has ended its term by its own word; `null`: it did not come to say so. */
  readonly end: Position | null;
  /** Keeps everybody lower from writing to the paths, and says where each of them ends. */
  readonly fence: (epoch: number, withinMs: number) => Promise<FenceReport>;
  /** As when the log is followed: of what was read each batch, or the jump to a snapshot, before and after it is made. */
  readonly onBatch?: FollowedLogOptions['onBatch'];
  readonly onBeforeReset?: FollowedLogOptions['onBeforeReset'];
  readonly onReset?: FollowedLogOptions['onReset'];
  /** For tests. */
  readonly read?: (request: CatchUpRequest) => Promise<CaughtUp>;
};

/** How the old epochs ended. */
export type TakeoverReport = {
  /** To begin the new epoch with. */
  readonly lineage: Lineage;
  /** By the word of their last leader, too, and it had sealed something: no reader can have followed anybody else. */
  readonly continues: boolean;
  /** What the log lacked and was read from a path: its name, and from where to where. */
  readonly read: { readonly path: string; readonly from: Position; readonly to: Position } | null;
  /** Paths that could not be asked or read, and why. */
  readonly faults: readonly string[];
};

/** Somebody higher has written to a path: this node must not lead (rule EPO2). */
export class OutrankedError extends Error {
  readonly higher: number;

  constructor(higher: number) {
    super(`a path is fenced by writer ${higher}`);
    this.name = 'OutrankedError';
    this.higher = higher;
  }
}

/** How long each living path may take to be fenced, and again to be read up to its fence. */
const PATH_WITHIN_MS = 300;

/**
 * Rule EPO1, the successor's half before its own epoch: fences every path, finds the longest tail, the log's own
 * included, and takes what the log lacks of it. The end of the log is then the end of the old epoch. Nobody may feed the
 * log meanwhile.
 *
 * A leader that has said where it ended writes no more, and its own fence keeps everybody lower out. A log that is there
 * lacks nothing, and each path is fenced when it is first written: nobody has to wait for the slowest of them.
 *
 * A node that has followed nothing knows no trade, and so could not see which ones it missed until its feeds were open.
 * It must not let readers go on as if there were none: its epoch begins without a lineage, which they take for the loss it is.
 *
 * @throws OutrankedError
 */
export async function takeOver(options: TakeoverOptions): Promise<TakeoverReport> {
  const { epoch, log, clock, end, fence, read = catchUp } = options;
  const isThere = end !== null && log.position.epoch > 0 && comparePositions(log.position, end) === 0;
  if (isThere) {
    return { lineage: extendLineage(log.lineage, log.position), continues: end.offset > 0, read: null, faults: [] };
  }
  const { tails, failures, higher } = await fence(epoch, PATH_WITHIN_MS);
  if (higher !== null) throw new OutrankedError(higher);
  const faults = failures.map(({ name, error }) => `${name}: ${error.message}`);
  if (log.position.epoch === 0) return { lineage: [], continues: false, read: null, faults };
  let taken: TakeoverReport['read'] = null;
  for (const { name, tail, source } of tails) {
    const { position: to } = tail;
    const from = log.position;
    if (to === null || comparePositions(to, from) <= 0) break;
    const caughtUp = await read({ source, from, to, withinMs: PATH_WITHIN_MS, clock });
    if (caughtUp.snapshot !== null) {
      options.onBeforeReset?.(caughtUp.snapshot);
      applySnapshot(log, caughtUp.snapshot);
      options.onReset?.(caughtUp.snapshot);
    }
    for (const batch of caughtUp.batches) {
      const appended = applyBatch(log, batch, clock.monotonic());
      options.onBatch?.(appended);
    }
    if (comparePositions(log.position, from) > 0) taken = { path: name, from, to: log.position };
    // All of the longest, so the others have nothing more.
    if (caughtUp.outcome === 'reached') break;
    faults.push(`${name}: ${caughtUp.reason ?? caughtUp.outcome}`);
  }
  return { lineage: extendLineage(log.lineage, log.position), continues: false, read: taken, faults };
}
