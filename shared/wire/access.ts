/** Who may read the stream, the same on a node and at the edge. */

export type AccessRules = { readonly streamToken: string | null; readonly allowedOrigins: readonly string[] };

export type AccessRequest = {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The `?token=` of a browser, which cannot set headers on a WebSocket. */
  readonly queryToken: string | null;
  /** The `Origin` header; absent from everything but browsers. */
  readonly origin: string | undefined;
  /** Where this request came to, if pages are served from there: they may always read. */
  readonly ownOrigin: string | null;
};

export type AccessRefusal = { readonly status: 401 | 403; readonly code: string; readonly message: string };

export function refuseAccess(rules: AccessRules, request: AccessRequest): AccessRefusal | null {
  if (!isAllowedOrigin(rules, request.origin) && request.origin !== request.ownOrigin) {
    return { status: 403, code: 'originNotAllowed', message: `pages of ${request.origin} may not read this stream` };
  }
  if (rules.streamToken === null) return null;
  const given = request.authorization?.replace(/^Bearer /, '') ?? request.queryToken ?? '';
  return isSameSecret(given, rules.streamToken)
    ? null
    : {
        status: 401,
        code: 'tokenRequired',
        message: 'give the stream token as "Authorization: Bearer …" or "?token=…"',
      };
}

/** The `Access-Control-Allow-Origin` of an answer, `null` for none; `origin` is empty when the request named none. */
export function originToAllow({ allowedOrigins }: AccessRules, origin: string): string | null {
  if (allowedOrigins.length === 0) return origin || '*';
  return allowedOrigins.includes(origin) ? origin : null;
}

function isAllowedOrigin({ allowedOrigins }: AccessRules, origin: string | undefined): boolean {
  return origin === undefined || allowedOrigins.length === 0 || allowedOrigins.includes(origin);
}

/** Takes as long whatever is given: nothing can be learned from the time. */
export function isSameSecret(given: string, secret: string): boolean {
  const encoder = new TextEncoder();
  const bytes = encoder.encode(given);
  const expected = encoder.encode(secret);
  const compared = new Uint8Array(expected.length);
  compared.set(bytes.subarray(0, expected.length));
  let difference = bytes.length ^ expected.length;
  for (let index = 0; index < expected.length; index++) difference |= compared[index]! ^ expected[index]!;
  return difference === 0;
}
