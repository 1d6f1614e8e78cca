const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const HEXADECIMAL = /^([+-]?)(0x[\da-f]+)$/i;
const ENDLESS = /^([+-]?)inf(?:inity)?$/i;

/** Lua's `tonumber`, which takes what C's `strtod` takes; `null` is its `nil`. Left out: fractions in hexadecimal. */
export function luaNumber(text: string | undefined): number | null {
  const bare = text?.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '') ?? '';
  if (DECIMAL.test(bare)) return Number(bare);
  const hexadecimal = HEXADECIMAL.exec(bare);
  if (hexadecimal !== null) return (hexadecimal[1] === '-' ? -1 : 1) * Number(hexadecimal[2]);
  const endless = ENDLESS.exec(bare);
  if (endless !== null) return endless[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[+-]?nan$/i.test(bare) ? Number.NaN : null;
}
