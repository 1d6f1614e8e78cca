import type { CoinoneFormat } from './coinone-frames.ts';

export const COINONE_CHANNELS = ['TRADE', 'TICKER', 'ORDERBOOK', 'CHART'] as const;
export type CoinoneChannel = (typeof COINONE_CHANNELS)[number];

export type CoinoneRequest =
  | { kind: 'ping' }
  | { kind: 'error'; frame: string }
  | {
      kind: 'subscribe' | 'unsubscribe';
      channel: CoinoneChannel;
      /** In upper case, however it was asked for. */
      quote: string;
      target: string;
      format: CoinoneFormat;
    };

const ERRORS = { 160010: 'Invalid Request', 160011: 'Invalid Type', 160012: 'Invalid Topic' } as const;
export type CoinoneErrorCode = keyof typeof ERRORS;

/** The socket stays open after any of them (https://docs.coinone.co.kr/reference/public-websocket). */
export function errorFrame(code: CoinoneErrorCode, field?: string): string {
  const more = field === undefined ? '' : `,"field":${JSON.stringify(field)}`;
  return `{"response_type":"ERROR","error_code":${code},"message":"${ERRORS[code]}"${more}}`;
}

/** Read one client message. Names are upper case, but for the currencies, which come in any. */
export function readCoinoneRequest(text: string): CoinoneRequest {
  const request = recordOf(jsonOf(text));
  if (request === null) return invalid(160010);
  const type = request['request_type'];
  if (type === 'PING') return { kind: 'ping' };
  if (type === undefined) return invalid(160010);
  if (type !== 'SUBSCRIBE' && type !== 'UNSUBSCRIBE') return invalid(160011, 'request_type');
  const channel = COINONE_CHANNELS.find(known => known === request['channel']);
  if (channel === undefined) return invalid(160011, 'channel');
  const format = request['format'] ?? 'DEFAULT';
  if (format !== 'DEFAULT' && format !== 'SHORT') return invalid(160011, 'format');
  const topic = recordOf(request['topic']);
  const [quote, target] = [topic?.['quote_currency'], topic?.['target_currency']];
  if (typeof quote !== 'string' || typeof target !== 'string') return invalid(160010);
  const kind = type === 'SUBSCRIBE' ? 'subscribe' : 'unsubscribe';
  return { kind, channel, quote: quote.toUpperCase(), target: target.toUpperCase(), format };
}

function invalid(code: CoinoneErrorCode, field?: string): CoinoneRequest {
  return { kind: 'error', frame: errorFrame(code, field) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function recordOf(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}
