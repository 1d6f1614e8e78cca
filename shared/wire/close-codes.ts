/**
 * Why a session was closed, as an interface: the code says what the client should do.
 * 4000–4099: reconnect, resuming by position. 4100–4199: do not come back without a change.
 * 1001, 1006, 1011, 1012, 1013 mean reconnect too, as everywhere. Reasons fit the 123 bytes of a close frame.
 */
export type CloseVerdict =
  | 'reconnect'
  /** At once, and to another server where there is one: this one is about to leave, or has fallen silent. */
  | 'elsewhere'
  | 'stop';

type CloseCode = { readonly code: number; readonly reason: string; readonly verdict: CloseVerdict };

export const CLOSE_CODES = {
  goingAway: { code: 1001, reason: 'this server is shutting down', verdict: 'elsewhere' },
  reassigned: { code: 4000, reason: 'please reconnect: another server will take you', verdict: 'elsewhere' },
  upstreamReset: {
    code: 4001,
    reason: 'please reconnect: this server lost its place in the stream',
    verdict: 'reconnect',
  },
  tooSlow: { code: 4002, reason: 'this connection is too slow for the stream; try the lite cut', verdict: 'reconnect' },
  deadPeer: { code: 4003, reason: 'nothing was heard from this client', verdict: 'reconnect' },
  unexpectedMessage: {
    code: 4100,
    reason: 'only "ping" may be sent: the stream is always complete, filter on the client',
    verdict: 'stop',
  },
  messageTooLarge: { code: 1009, reason: 'message too large', verdict: 'stop' },
} as const satisfies Record<string, CloseCode>;

export type CloseCodeName = keyof typeof CLOSE_CODES;

const BY_CODE = new Map<number, CloseCode>(Object.values(CLOSE_CODES).map(entry => [entry.code, entry]));

/** RFC 6455's registry; a proxy in front of us may say so. */
const SERVICE_RESTART = 1012;

/** What a client does after a close with this code. Unknown codes mean reconnect, but for 41xx. */
export function closeVerdict(code: number): CloseVerdict {
  if (code === SERVICE_RESTART) return 'elsewhere';
  return BY_CODE.get(code)?.verdict ?? (code >= 4100 && code < 4200 ? 'stop' : 'reconnect');
}
