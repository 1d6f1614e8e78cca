import { setImmediate } from 'node:timers/promises';
import type { Steps } from '../../shared/base/steps.ts';

/** So long everything else waits for a turn, but for the longest single step. */
const TURN_MS = 2;

/** Takes as many steps at a time as fit into a turn, and lets everything else of this process go first between two turns. */
export async function inTurns<Result>(steps: Steps<Result>): Promise<Result> {
  for (;;) {
    const end = performance.now() + TURN_MS;
    let step = steps.next();
    while (!step.done && performance.now() < end) step = steps.next();
    if (step.done) return step.value;
    await setImmediate();
  }
}
