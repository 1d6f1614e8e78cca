import { setTimeout as sleep } from 'node:timers/promises';

/** How long between two looks. */
const LOOK_EVERY_MS = 25;
/** How long one look may take: a server that accepts connections before it can answer is asked again. */
const ATTEMPT_WITHIN_MS = 5_000;

/**
 * Asks again and again until the answer comes; whatever the attempt throws means “not yet”.
 * @param attempt must end by itself: it is given the milliseconds it may take
 * @param hopeless says why there is nothing more to wait for, such as that the process has ended
 * @throws with the last reason, when time is over or there is no hope
 */
export async function waitUntil<T>(
  attempt: (withinMs: number) => Promise<T>,
  timeoutMs: number,
  hopeless: () => string | null | Promise<string | null> = () => null,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt(Math.max(1, Math.min(ATTEMPT_WITHIN_MS, deadline - performance.now())));
    } catch (cause) {
      const end = await hopeless();
      if (end !== null) throw new Error(end, { cause });
      if (performance.now() > deadline) {
        throw new Error(`no answer within ${timeoutMs / 1000} s: ${messageOf(cause)}`, { cause });
      }
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** What an error says; `AggregateError` of a refused connection says nothing itself. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
