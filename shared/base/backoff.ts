/** Waiting times between attempts: doubled from `baseMs` after every failure, never above `capMs`. */
export type Backoff = { readonly baseMs: number; readonly capMs: number };

/** For everything that dials: patient with the other side, and back within a minute of its return. */
export const RECONNECT_BACKOFF: Backoff = { baseMs: 1_000, capMs: 60_000 };

/**
 * Full jitter: anywhere from nothing to the doubled time. After an outage of the other side a thousand callers come
 * back spread over the whole interval; with half or no jitter they would come back as one wave.
 *
 * @param failures how many attempts in a row have failed before this one's wait: 0 gives a wait below `baseMs`
 * @param random a number in [0, 1)
 */
export function fullJitterMs(failures: number, backoff: Backoff, random: () => number): number {
  // 2 ** 1024 is Infinity, which the cap takes care of.
  return random() * Math.min(backoff.capMs, backoff.baseMs * 2 ** failures);
}
