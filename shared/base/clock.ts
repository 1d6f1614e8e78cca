/**
 * Time as something handed in. Nothing that waits reads the system's clock or timers itself, so a test with a hand-moved
 * clock takes no time.
 */
export type Clock = {
  /** Wall clock: epoch milliseconds, with a fraction down to microseconds where the platform has it. May be set back. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. Only differences mean something. */
  monotonic(): number;
  /** Calls `fire` once, not before `ms` from now, never within this call. The answer calls it off; safe at any time. */
  setTimer(ms: number, fire: () => void): CancelTimer;
};

export type CancelTimer = () => void;

/** `setTimeout` takes a signed 32-bit number and fires at once beyond it. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** How often both clocks are looked at until no more than a millisecond lies between; the next call looks again. */
const MOST_LOOKS = 3;

/**
 * The running system's clock. The wall time is the monotonic clock laid onto `Date.now()`: finer than a millisecond, and
 * laid anew as soon as the two disagree by more than one (someone set the clock, the machine slept).
 */
export function createSystemClock(
  source: { dateNow(): number; performanceNow(): number } = {
    dateNow: () => Date.now(),
    performanceNow: () => performance.now(),
  },
): Clock {
  let wallMinusMonotonic = source.dateNow() - source.performanceNow();
  /** A process that is held up between its two looks sees clocks that disagree, though they do not. */
  const layAnew = () => {
    for (let look = 0; look < MOST_LOOKS; look++) {
      const before = source.performanceNow();
      const wall = source.dateNow();
      const monotonic = source.performanceNow();
      if (monotonic - before >= 1) continue;
      const ahead = wallMinusMonotonic + monotonic - wall;
      if (ahead < -1 || ahead >= 2) wallMinusMonotonic = wall - monotonic;
      return;
    }
  };
  return {
    now() {
      const wall = source.dateNow();
      const monotonic = source.performanceNow();
      // `wall` was cut to whole milliseconds: the true time lies in [wall, wall + 1).
      const ahead = wallMinusMonotonic + monotonic - wall;
      if (ahead < -1 || ahead >= 2) layAnew();
      return Math.round((wallMinusMonotonic + monotonic) * 1000) / 1000;
    },
    monotonic: () => source.performanceNow(),
    setTimer(ms, fire) {
      const timer = setTimeout(fire, Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
      return () => clearTimeout(timer);
    },
  };
}

export const systemClock: Clock = createSystemClock();
