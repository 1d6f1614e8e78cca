import { EXCHANGES, type ExchangeName, isExchangeName } from '../../shared/model/exchange.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { RunRecord } from '../recording/run-record.ts';

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
  /** The feed that brought it, where the recording says it; and whether by the second socket of a planned reconnection. */
  readonly feed: string | null;
  readonly isFirst: boolean;
  /** WebSocket or REST address, where the recording says it. */
  readonly url: string | null;
  /** The message itself. */
  readonly bytes: Uint8Array;
};

export type ReplayLine =
  /** What crossed the line to an exchange; or what else happened to the leader. */
  { readonly ok: true; readonly record: ReplayRecord | RunRecord } | { readonly ok: false; readonly fault: string };

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
  // Written by the program of this version, which the record that begins a recording tells.
  if ('node' in value) return { ok: true, record: value as RunRecord };
  return readTraffic(value as Record<string, unknown>);
}

function readTraffic(value: Record<string, unknown>): ReplayLine {
  const { exchange, channel, direction, raw, ts = null, feed, isFirst, url, encoding = 'utf8' } = value;
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
      feed: typeof feed === 'string' ? feed : null,
      isFirst: isFirst !== false,
      url: typeof url === 'string' ? url : null,
      bytes: Buffer.from(raw, encoding),
    },
  };
}
