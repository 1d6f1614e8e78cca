/**
 * Why something is not as it should be, in plain words for the person who reads the health page. What the other side
 * sent is quoted within bounds: it is not ours to trust.
 */
import { STATUS_CODES } from 'node:http';
import type { SocketEnd } from './socket.ts';

const LONGEST_QUOTE = 160;

const IN_WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'the name service does not answer',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection lost',
  ETIMEDOUT: 'timed out',
  UND_ERR_CONNECT_TIMEOUT: 'timed out',
  UND_ERR_SOCKET: 'connection lost',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no network',
  EADDRNOTAVAIL: 'no network address',
  EMFILE: 'too many open files here',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate cannot be verified',
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'a message larger than we accept',
};

/** "cannot reach api.upbit.com: name not found (ENOTFOUND)" */
export function unreachable(url: string, code: string | null, detail: string): string {
  const words = code === null ? undefined : IN_WORDS[code];
  const why = words ?? (detail === '' ? 'unknown failure' : quote(detail));
  return `cannot reach ${hostOf(url)}: ${why}${code === null ? '' : ` (${code})`}`;
}

/** "HTTP 429 Too Many Requests from api.upbit.com" */
export function httpStatus(url: string, status: number): string {
  const name = STATUS_CODES[status];
  return `HTTP ${status}${name === undefined ? '' : ` ${name}`} from ${hostOf(url)}`;
}

/** "silent for 30 s" */
export function silentFor(ms: number): string {
  return `silent for ${seconds(ms)}`;
}

/** "30 s", "1.5 s" */
export function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

/** @param wasOpen whether the upgrade had been accepted before it ended */
export function endedBecause(end: SocketEnd, url: string, wasOpen: boolean): string {
  switch (end.kind) {
    case 'refused':
      return httpStatus(url, end.status);
    case 'failed': {
      if (!wasOpen) return unreachable(url, end.code, end.detail);
      const words = end.code === null ? undefined : IN_WORDS[end.code];
      return `connection to ${hostOf(url)} broke: ${words ?? quote(end.detail)}${end.code === null ? '' : ` (${end.code})`}`;
    }
    case 'closed':
      // 1006 never travels: it is how a library says that no close frame came.
      if (end.code === 1006) return `connection to ${hostOf(url)} lost without a goodbye (1006)`;
      return `closed by the exchange (${end.code}${end.reason === '' ? '' : ` ${quote(end.reason)}`})`;
  }
}

/** "refused by the exchange: NO_CODES codes 필드가 비어 있습니다." */
export function refused(code: string, message: string): string {
  return `refused by the exchange: ${quote(`${code} ${message}`.trim())}`;
}

/** Foreign text fit for a log line and a page: no control characters, bounded. */
export function quote(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return clean.length <= LONGEST_QUOTE ? clean : `${clean.slice(0, LONGEST_QUOTE).toWellFormed()}…`;
}

function hostOf(url: string): string {
  const { host, hostname, port } = new URL(url);
  return port === '' ? hostname : host;
}
