/**
 * What a deposed leader does after its time. A consumer can only compare what it hears itself (ORD2); whoever listens on
 * all nodes at once sees in addition when another leader had already begun (FEN1).
 */
import type { Batch } from '../../shared/wire/messages.ts';
import type { Observer } from './heard-message.ts';
import type { ObservedEpoch } from './observed-stream.ts';

/** A batch may have been under way when the new term began, and this process may have been slow to read it. */
const UNDER_WAY_MS = 250;

export type FencingFault = { readonly rule: 'ORD2' | 'FEN1'; readonly text: string };

export type FencingTolerance = {
  /**
   * A process that is stopped may have sealed a batch and not written it to every socket yet: it does so when it goes on,
   * about once in sixty stops. One batch that follows what was heard in time is then no fault.
   */
  readonly halfSent: boolean;
};

/** Events of a quarter second: as much as a busy machine may seal at once at the pace of a cluster test. */
const MOST_IN_ONE_SEAL = 128;

export function fencingFaults(
  observers: readonly Observer[],
  epochs: readonly ObservedEpoch[],
  tolerance: FencingTolerance = { halfSent: false },
): FencingFault[] {
  const late = new LateRecords(observers, epochs, tolerance);
  return observers.flatMap(observer => [...staleRecords(observer, epochs), ...late.of(observer)]);
}

/** Records of an old writer that reached one client after the first of the new one. History is not one. */
function staleRecords({ name, heard }: Observer, epochs: readonly ObservedEpoch[]): FencingFault[] {
  const faults: FencingFault[] = [];
  let writer = 0;
  for (const { at, message } of heard) {
    if (message.type !== 'batch') continue;
    if (message.writer < writer && !isHistory(message, epochs)) {
      faults.push({ rule: 'ORD2', text: `${name} heard ${show(message)} at ${at.toFixed(0)}, after writer ${writer}` });
    }
    writer = Math.max(writer, message.writer);
  }
  return faults;
}

/** Records that no successor knows, first heard when another leader had begun. Heard again later, they are an old log's. */
class LateRecords {
  readonly #epochs: readonly ObservedEpoch[];
  readonly #tolerance: FencingTolerance;
  /** By epoch: the last offset that anybody heard in time. */
  readonly #heardInTime = new Map<number, number>();

  constructor(observers: readonly Observer[], epochs: readonly ObservedEpoch[], tolerance: FencingTolerance) {
    this.#epochs = epochs;
    this.#tolerance = tolerance;
    for (const { heard } of observers) {
      for (const { at, message } of heard) {
        if (message.type !== 'batch' || this.#lateness(message, at) !== null) continue;
        const known = this.#heardInTime.get(message.epoch) ?? 0;
        this.#heardInTime.set(message.epoch, Math.max(known, message.next - 1));
      }
    }
  }

  of({ name, heard }: Observer): FencingFault[] {
    const faults: FencingFault[] = [];
    for (const { at, message } of heard) {
      if (message.type !== 'batch' || isHistory(message, this.#epochs)) continue;
      const lateness = this.#lateness(message, at);
      if (lateness === null || this.#isOld(message)) continue;
      const { ms, successor } = lateness;
      const text = `${name} heard ${show(message)} ${ms.toFixed(0)} ms after ${successor} had begun`;
      faults.push({ rule: 'FEN1', text });
    }
    return faults;
  }

  #lateness({ epoch }: Batch, at: number): { readonly ms: number; readonly successor: number } | null {
    const successor = this.#epochs.find(known => known.epoch > epoch && known.firstRecordAt !== null);
    if (successor === undefined || at <= successor.firstRecordAt! + UNDER_WAY_MS) return null;
    return { ms: at - successor.firstRecordAt!, successor: successor.epoch };
  }

  /** Whether it was sealed before the successor began, as far as anybody can tell. A heartbeat is never sent again. */
  #isOld({ epoch, first, next }: Batch): boolean {
    if (first === next) return false;
    const known = this.#heardInTime.get(epoch) ?? 0;
    if (next - 1 <= known) return true;
    return this.#tolerance.halfSent && first <= known + 1 && next - 1 - known <= MOST_IN_ONE_SEAL;
  }
}

function isHistory({ epoch, next }: Batch, epochs: readonly ObservedEpoch[]): boolean {
  const end = epochs.find(known => known.epoch === epoch)?.end ?? null;
  return end !== null && next - 1 <= end;
}

function show({ writer, epoch, first, next }: Batch): string {
  return first === next
    ? `a heartbeat of ${writer} at ${epoch}:${next - 1}`
    : `${epoch}:${first}–${next - 1} of ${writer}`;
}
