import { expect, it } from 'vitest';
import { inTurns } from './in-turns.ts';

/** Busy for half a millisecond. */
function work(): void {
  for (const end = performance.now() + 0.5; performance.now() < end; );
}

it('lets everything else of the process have its turn while it calculates', async () => {
  let [turns, isDone] = [0, false];
  const others = () => {
    if (isDone) return;
    turns += 1;
    setImmediate(others);
  };
  setImmediate(others);
  const sum = await inTurns(
    (function* () {
      for (let step = 1; step <= 100; step += 1) {
        work();
        yield;
      }
      return 'the result';
    })(),
  );
  isDone = true;
  expect(sum).toBe('the result');
  expect(turns).toBeGreaterThan(10);
});

it('rejects with what a step throws', async () => {
  const failing = (function* () {
    yield;
    throw new Error('broken');
  })();
  await expect(inTurns(failing)).rejects.toThrow('broken');
});
