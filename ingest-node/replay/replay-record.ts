import { EXCHANGES, type ExchangeName, isExchangeName } from '../../shared/model/exchange.ts';
import type { EpochMillis } from '../../shared/model/time.ts';

/**
 * One line of a recording: a frame or body, with where it came from and when. Its text is in `raw`: as it came, or with
 * `"encoding":"base64"` where it was no UTF-8. Other keys are allowed and not used.
 */
export type ReplayRecord = {
  readonly exchange: ExchangeName;
  /** The exchange's own channel name; `rest_…` for bodies of REST answers. */
  readonly channel: string;
  /** `recv`: a frame of the exchange; `send`: one of the client's; `http`: the body of a REST answer. */
  readonly direction: 'recv' | 'send' | 'http';
  /** When it arrived, epoch milliseconds; `null` where the recording does not say. */
  readonly ts: EpochMillis | null;
  /** WebSocket or REST address, where the recording says it. */
  readonly url: string | null;
  /** The message itself. */
  readonly bytes: Uint8Array;
};

export type ReplayLine =
  | { readonly ok: true; readonly record: ReplayRecord }
  | { readonly ok: false; readonly fault: string };

/** Recordings of a sister site that speaks the same protocol are read by the same adapter. */
const SAME_PROTOCOL: Readonly<Record<string, ExchangeName>> = { 'binance-us': 'binance' };

export function readReplayLine(line: string): ReplayLine {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { ok: false, fault: 'it is not JSON' };
  }
  if (typeof value !== 'object' || value === null) return { ok: false, fault: 'it is not an object' };
  const { exchange, channel, direction, raw, ts = null, url, encoding = 'utf8' } = value as Record<string, unknown>;
  if (typeof exchange !== 'string' || typeof channel !== 'string' || typeof raw !== 'string') {
    return { ok: false, fault: 'exchange, channel and raw should be text' };
  }
  if (direction !== 'recv' && direction !== 'send' && direction !== 'http') {
    return { ok: false, fault: 'direction should be recv, send or http' };
  }
  if (ts !== null && (typeof ts !== 'number' || ts < 0)) {
    return { ok: false, fault: 'ts should be epoch milliseconds, or null' };
  }
  if (encoding !== 'utf8' && encoding !== 'base64') {
    return { ok: false, fault: 'encoding should be utf8 or base64' };
  }
  const name = SAME_PROTOCOL[exchange] ?? exchange;
  if (!isExchangeName(name)) {
    return { ok: false, fault: `exchange "${exchange}" is not one of ${EXCHANGES.join(', ')}` };
  }
  return {
    ok: true,
    record: {
      exchange: name,
      channel,
      direction,
      ts,
      url: typeof url === 'string' ? url : null,
      bytes: Buffer.from(raw, encoding),
    },
  };
}
