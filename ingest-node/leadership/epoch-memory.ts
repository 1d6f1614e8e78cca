import type { Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';

/** Somewhere that remembers epochs: a file of this machine, the settings, Redis, the stream a follower has read. */
export type EpochMemory = {
  readonly name: string;
  /** The highest epoch it knows; 0 when it knows none. May fail, may take long. */
  highest(): Promise<number>;
  /** Told of each new epoch of this node, where it is this node that has to tell. */
  remember?(epoch: number): Promise<void>;
};

export type RememberedEpochs = {
  readonly highest: number;
  /** What could not be asked, and why. */
  readonly faults: readonly string[];
};

/**
 * Asks all at once. One that fails or is silent for longer than `withinMs` is left out and named: a takeover must not
 * wait for a database that may be the reason of it, and the current Unix second stands in for what it would have said.
 */
export async function askEpochMemories(
  memories: readonly EpochMemory[],
  withinMs: number,
  clock: Clock,
): Promise<RememberedEpochs> {
  const faults: string[] = [];
  const answers = memories.map(async memory => {
    try {
      const epoch = await within(memory.highest(), withinMs, clock);
      if (isEpoch(epoch)) return epoch;
      faults.push(`${memory.name}: remembers "${epoch}", which is no epoch`);
    } catch (error) {
      faults.push(`${memory.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    return 0;
  });
  return { highest: Math.max(0, ...(await Promise.all(answers))), faults };
}

/** Rule EPO2: above everything remembered, never below the current Unix second. */
export function nextEpoch(highest: number, clock: Clock): number {
  return Math.max(highest + 1, Math.floor(clock.now() / 1000));
}

export const isEpoch = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && value !== Number.MAX_SAFE_INTEGER;
