import type { Clock } from '../../../shared/base/clock.ts';
import { MINUTE_MS } from '../../../shared/model/time.ts';

/** Longest step between two looks, in its own time. */
const LONGEST_STEP_MS = 500;

/**
 * A clock that starts 20 s before a full minute and runs so many times as fast, so that minutes pass in seconds. It has
 * to be looked at often and never jumps: while the machine stalls it stands still, and a simulator that lives by it
 * skips no moment of its market.
 */
export function steadyClock(factor: number): Clock {
  let shown = Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS - 20_000;
  let lookedAt = performance.now();
  const now = (): number => {
    const look = performance.now();
    shown += Math.min((look - lookedAt) * factor, LONGEST_STEP_MS);
    lookedAt = look;
    return shown;
  };
  return {
    now,
    monotonic: now,
    setTimer(ms, fire) {
      const timer = setTimeout(fire, ms / factor);
      return () => clearTimeout(timer);
    },
  };
}
