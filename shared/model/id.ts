/** Longest id accepted, in characters. The longest known ids of the exchanges we carry have 19 digits. */
export const MAX_ID_LENGTH = 64;

/**
 * An exchange's id as the exact digits it sent; ids of 17 to 19 digits do not survive a double (Upbit's
 * `17853950411240001` would become `…240000`, another trade's id). `null` when the text is not 1 to
 * {@link MAX_ID_LENGTH} digits. Nothing is normalised: leading zeros are part of an id.
 */
export function toId(text: string): string | null {
  return text.length <= MAX_ID_LENGTH && /^[0-9]+$/.test(text) ? text : null;
}

/** The longest ids of a socket have 19 digits, and those of REST that stand for several trades 17. */
const LEAST_FETCHED_LENGTH = 20;

/**
 * Whether an id is of ours: made for a trade that was fetched from an exchange whose REST list numbers trades otherwise
 * than its socket. The same trade may be known by the socket's id as well; only what the two say shows that.
 */
export function isFetchedId(id: string): boolean {
  return id.length >= LEAST_FETCHED_LENGTH;
}
