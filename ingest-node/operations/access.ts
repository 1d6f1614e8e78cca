import { createHash, timingSafeEqual } from 'node:crypto';

export type AccessOptions = { readonly streamToken: string | null; readonly allowedOrigins: readonly string[] };

export type AccessRequest = {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The `?token=` of a browser, which cannot set headers on a WebSocket. */
  readonly queryToken: string | null;
  /** The `Origin` header; absent from everything but browsers. */
  readonly origin: string | undefined;
};

export type AccessRefusal = { readonly status: 401 | 403; readonly code: string; readonly message: string };

/** Who may read the stream. */
export function refuseAccess(options: AccessOptions, request: AccessRequest): AccessRefusal | null {
  if (!isAllowedOrigin(options, request.origin)) {
    return { status: 403, code: 'originNotAllowed', message: `pages of ${request.origin} may not read this stream` };
  }
  if (options.streamToken === null) return null;
  const given = request.authorization?.replace(/^Bearer /, '') ?? request.queryToken ?? '';
  return isSameSecret(given, options.streamToken)
    ? null
    : {
        status: 401,
        code: 'tokenRequired',
        message: 'give the stream token as "Authorization: Bearer …" or "?token=…"',
      };
}

export function isAllowedOrigin({ allowedOrigins }: AccessOptions, origin: string | undefined): boolean {
  return origin === undefined || allowedOrigins.length === 0 || allowedOrigins.includes(origin);
}

/** Compared in constant time, whatever the lengths. */
function isSameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
