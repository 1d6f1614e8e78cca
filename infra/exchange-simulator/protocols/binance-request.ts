import { isStreamName, MAX_STREAMS } from './binance-streams.ts';

/** Id of a request as JSON text, `null` when it had none. */
export type RequestId = string;

export type BinanceRequest =
  | { method: 'SUBSCRIBE' | 'UNSUBSCRIBE'; id: RequestId; streams: string[] }
  | { method: 'LIST_SUBSCRIPTIONS'; id: RequestId }
  | { method: 'SET_PROPERTY'; id: RequestId; isCombined: boolean }
  | { method: 'GET_PROPERTY'; id: RequestId }
  | { method: 'error'; id: RequestId | null; code: number; msg: string };

const METHODS = ['SUBSCRIBE', 'UNSUBSCRIBE', 'LIST_SUBSCRIPTIONS', 'SET_PROPERTY', 'GET_PROPERTY'] as const;

/** Read one control message (https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams). */
export function readBinanceRequest(text: string): BinanceRequest {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return failure(null, 3, 'Invalid JSON: expected value at line 1 column 1');
  }
  if (typeof body !== 'object' || body === null) return failure(null, 2, 'Invalid request: invalid type');
  const fields = body as Record<string, unknown>;
  const id = fields['id'] ?? null;
  if (!isRequestId(id)) return failure(null, 2, 'Invalid request: request ID must be an unsigned integer');
  const idText = JSON.stringify(id);
  const method = fields['method'];
  if (method === undefined) return failure(idText, 2, 'Invalid request: missing field `method` at line 1 column 2');
  const known = METHODS.find(name => name === method);
  if (known === undefined) {
    const expected = METHODS.map(name => `\`${name}\``).join(', ');
    return failure(idText, 2, `Invalid request: unknown variant \`${String(method)}\`, expected one of ${expected}`);
  }
  return readMethod(known, idText, fields['params']);
}

function readMethod(method: (typeof METHODS)[number], id: RequestId, params: unknown): BinanceRequest {
  if (method === 'LIST_SUBSCRIPTIONS') return { method, id };
  const list = Array.isArray(params) ? params : [];
  if (method === 'SET_PROPERTY' || method === 'GET_PROPERTY') {
    if (list[0] !== 'combined') return failure(id, 0, 'Unknown property');
    if (method === 'GET_PROPERTY') return { method, id };
    if (typeof list[1] !== 'boolean') return failure(id, 1, 'Invalid value type: expected Boolean');
    return { method, id, isCombined: list[1] };
  }
  const streams = list.map(String);
  if (streams.length === 0 || !list.every(name => typeof name === 'string' && isStreamName(name))) {
    return invalidStream(id);
  }
  return streams.length > MAX_STREAMS ? tooMany(id) : { method, id, streams };
}

export function invalidStream(id: RequestId): BinanceRequest & { method: 'error' } {
  return { method: 'error', id, code: 2, msg: 'Invalid request: invalid stream' };
}

export function tooMany(id: RequestId): BinanceRequest & { method: 'error' } {
  return { method: 'error', id, code: 2, msg: 'Invalid request: too many parameters' };
}

function failure(id: RequestId | null, code: number, msg: string): BinanceRequest {
  return { method: 'error', id, code, msg };
}

/** Whole numbers, texts of up to 36 letters and digits, or null. */
function isRequestId(id: unknown): boolean {
  if (id === null || (typeof id === 'number' && Number.isInteger(id) && id >= 0)) return true;
  return typeof id === 'string' && /^[A-Za-z0-9_-]{1,36}$/.test(id);
}
