import type { Clock } from './clock.ts';

/** Waits no longer than that: what comes later is not heard. */
export function within<Value>(promise: Promise<Value>, ms: number, clock: Clock): Promise<Value> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(ms, () => reject(new Error(`no answer within ${ms} ms`)));
    promise.then(resolve, reject).finally(cancel);
  });
}
