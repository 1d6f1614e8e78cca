import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { WriteLoop } from './write-loop.ts';

const PACE_MS = 50;

/** A loop that always has something to do; times of its steps, and what the next ones answer. */
function world() {
  const clock = new ManualClock();
  const answers: (boolean | Error)[] = [];
  const steps: number[] = [];
  const loop = new WriteLoop<string>({
    clock,
    paceMs: PACE_MS,
    random: () => 1,
    retry: { baseMs: 1_000, capMs: 1_000 },
    hasWork: () => true,
    step: async () => {
      steps.push(clock.monotonic());
      const answer = answers.shift() ?? true;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    onFailure: () => {},
  });
  return { clock, answers, steps, loop };
}

test('writes keep the pace; a look before one does not count as one', async () => {
  const { clock, answers, steps, loop } = world();
  const began = clock.monotonic();
  answers.push(false);
  loop.begin('term');
  await clock.advanceAndSettle(2 * PACE_MS);
  expect(steps.map(at => at - began)).toEqual([0, 0, PACE_MS, 2 * PACE_MS]);
  loop.end();
});

test('who waits is not kept waiting by the pace, but by a path that fails', async () => {
  const { clock, answers, steps, loop } = world();
  loop.begin('term');
  await clock.advanceAndSettle(10);
  answers.push(true, new Error('away'));
  const relax = loop.hurry();
  await clock.advanceAndSettle(0);
  const hurried = steps.length;
  expect(hurried).toBe(3);
  await clock.advanceAndSettle(PACE_MS);
  expect([steps.length, loop.fault?.reason]).toEqual([hurried, 'away']);
  relax();
  loop.end();
});
