import { isUtf8 } from 'node:buffer';
import type { Traffic } from '../feeds/traffic-tap.ts';
import { channelName } from './channel-name.ts';

/**
 * One line of a recording, with its end. `raw` is the message as text, unchanged. Bytes that are no UTF-8 are kept too,
 * as `"encoding":"base64"`: a recording is there to show what really came.
 */
export function recordLine(traffic: Traffic): string {
  const { exchange, direction, time, feed, url, bytes, isFirst = true } = traffic;
  const isText = isUtf8(bytes);
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(isText ? 'utf8' : 'base64');
  const channel = isText ? channelName(traffic, raw) : 'control';
  return `${JSON.stringify({
    exchange,
    channel,
    direction,
    ts: time,
    feed,
    url,
    ...(isFirst ? {} : { isFirst }),
    ...(isText ? {} : { encoding: 'base64' }),
    raw,
  })}\n`;
}
