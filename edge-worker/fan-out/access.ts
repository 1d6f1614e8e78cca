/** Who may read the stream: the same rules as an ingest node's, on what a Worker has. */

export type AccessRules = { readonly streamToken: string | null; readonly allowedOrigins: readonly string[] };

export type AccessRequest = {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The `?token=` of a browser, which cannot set headers on a WebSocket. */
  readonly queryToken: string | null;
  /** The `Origin` header; absent from everything but browsers. */
  readonly origin: string | undefined;
  /** Where this request came to: a page served from here may always read. */
  readonly ownOrigin: string;
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

export function isAllowedOrigin({ allowedOrigins }: AccessRules, origin: string | undefined): boolean {
  return origin === undefined || origin === '' || allowedOrigins.length === 0 || allowedOrigins.includes(origin);
}

/** Takes as long whatever is given: nothing can be learned from the time. */
export function isSameSecret(given: string, secret: string): boolean {
  const encoder = new TextEncoder();
  const a = encoder.encode(given);
  const b = encoder.encode(secret);
  let difference = a.length ^ b.length;
  for (let index = 0; index < b.length; index++) difference |= (a[index] ?? 0) ^ b[index]!;
  return difference === 0;
}
