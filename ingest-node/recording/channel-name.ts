import type { Traffic } from '../feeds/traffic-tap.ts';

/** Where the names stand in a frame: Binance's combined streams, then the usual words for "this is a …". */
const STREAM = /"stream"\s*:\s*"[^"@]*@([^"]+)"/;
const KIND = /"(?:type|ty|channel|e)"\s*:\s*"(\w+)"/;
/** Names stand at the beginning; the rest of a frame is long. */
const LOOK_AT_CHARACTERS = 200;

/**
 * What a message is about, for people who search a recording: a guess that costs little. Nothing depends on it.
 * `rest_market_all` for `/v1/market/all`; `control` for what we send, and for frames without a name.
 */
export function channelName({ direction, url }: Pick<Traffic, 'direction' | 'url'>, raw: string): string {
  if (direction === 'send') return 'control';
  if (direction === 'http') return `rest_${pathWords(url).join('_')}`;
  const beginning = raw.slice(0, LOOK_AT_CHARACTERS);
  return (STREAM.exec(beginning) ?? KIND.exec(beginning))?.[1] ?? 'control';
}

/** The words of a path after its version: `market`, `all`. */
function pathWords(url: string): string[] {
  const words = new URL(url).pathname.split('/').filter(Boolean);
  return words.slice(words.findLastIndex(word => /^v\d+$/.test(word)) + 1);
}
