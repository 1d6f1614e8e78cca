import type { Clock } from '../../../shared/base/clock.ts';

/** The same time for somebody who may die, and all their timers with them. */
export function mortalClock(clock: Clock): Clock & { die(): void } {
  let isAlive = true;
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimer: (ms, fire) => clock.setTimer(ms, () => isAlive && fire()),
    die: () => {
      isAlive = false;
    },
  };
}
