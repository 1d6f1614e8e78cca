export const KST_OFFSET_MS = 9 * 3_600_000;

let cachedSecond = Number.NaN;
let cachedText = '';

/** `yyyy-MM-ddTHH:mm:ss`. Many frames share a second, so the last one is remembered. */
export function isoSecond(timeMs: number): string {
  const second = Math.floor(timeMs / 1000);
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedText = new Date(second * 1000).toISOString().slice(0, 19);
  }
  return cachedText;
}

/** `yyyy-MM-dd` and `HH:mm:ss`. */
export function dateAndTime(timeMs: number): [date: string, time: string] {
  const text = isoSecond(timeMs);
  return [text.slice(0, 10), text.slice(11)];
}

/** `yyyyMMdd` and `HHmmss`. */
export function compactDateAndTime(timeMs: number): [date: string, time: string] {
  const text = isoSecond(timeMs);
  return [
    text.slice(0, 4) + text.slice(5, 7) + text.slice(8, 10),
    text.slice(11, 13) + text.slice(14, 16) + text.slice(17, 19),
  ];
}
