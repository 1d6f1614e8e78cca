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
