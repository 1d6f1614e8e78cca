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

export function fencingFaults(observers: readonly Observer[], epochs: readonly ObservedEpoch[]): FencingFault[] {
  return observers.flatMap(observer => [...staleRecords(observer, epochs), ...lateRecords(observer, epochs)]);
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

/** Records that nobody knows but one node, sent when another one had begun to lead. */
function lateRecords({ name, heard }: Observer, epochs: readonly ObservedEpoch[]): FencingFault[] {
  const faults: FencingFault[] = [];
  for (const { at, message } of heard) {
    if (message.type !== 'batch' || isHistory(message, epochs)) continue;
    const successor = epochs.find(({ epoch, firstRecordAt }) => epoch > message.epoch && firstRecordAt !== null);
    if (successor === undefined || at <= successor.firstRecordAt! + UNDER_WAY_MS) continue;
    const lateMs = (at - successor.firstRecordAt!).toFixed(0);
    faults.push({
      rule: 'FEN1',
      text: `${name} heard ${show(message)} ${lateMs} ms after ${successor.epoch} had begun`,
    });
  }
  return faults;
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
