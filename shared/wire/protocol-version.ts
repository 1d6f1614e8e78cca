/**
 * The version of what SPEC.md describes. A reader accepts messages with fields it does not know,
 * so adding a field keeps the number; removing or changing the meaning of one raises it.
 *
 * - 1: hello, snapshot, batch, status; JSON only.
 */
export const PROTOCOL_VERSION = 1;
