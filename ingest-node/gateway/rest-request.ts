/**
 * What a request asks for, out of method, path and body: the Upstash REST protocol.
 * https://upstash.com/docs/redis/features/restapi
 */
import { isAllowedCommand } from './commands.ts';
import type { Command, SubscriptionKind } from './gateway-store.ts';

export type RestRequest =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'pipeline' | 'transaction'; readonly commands: readonly Command[] }
  | { readonly kind: 'subscribe'; readonly to: SubscriptionKind; readonly name: string };

export type RestLimits = {
  /** Commands in one pipeline or transaction. */
  readonly maxCommands: number;
};

/** A request that does not follow the protocol: status and `{"error"}` of the answer. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly status: 400 | 401 | 404 | 405 | 413 | 429;

  constructor(message: string, status: BadRequest['status'] = 400) {
    super(message);
    this.status = status;
  }
}

/** `body` is empty for GET and HEAD. */
export function readRestRequest(method: string, url: URL, body: string, limits: RestLimits): RestRequest {
  if (!['GET', 'HEAD', 'POST', 'PUT'].includes(method)) throw new BadRequest(`ERR ${method} is not supported`, 405);
  const words = pathWords(url.pathname);
  const first = words[0]?.toLowerCase();
  if (first === undefined) return { kind: 'command', command: readCommand(parseJson(body)) };
  if (words.length === 1 && (first === 'pipeline' || first === 'multi-exec')) {
    if (method !== 'POST' && method !== 'PUT') throw new BadRequest(`ERR ${first} takes a POST`, 405);
    return { kind: first === 'pipeline' ? 'pipeline' : 'transaction', commands: readCommands(parseJson(body), limits) };
  }
  if (first === 'subscribe' || first === 'psubscribe') {
    const [, name] = words;
    if (name === undefined || words.length > 2) throw new BadRequest(`ERR ${first} takes one name in the path`);
    return { kind: 'subscribe', to: first === 'subscribe' ? 'channel' : 'pattern', name };
  }
  if (!isAllowedCommand(first.toUpperCase())) {
    throw new BadRequest(
      `ERR there is nothing at /${words[0]}: it is neither a command nor a path of this gateway`,
      404,
    );
  }
  // `POST /set/foo?EX=100` with `bar` as body is `SET foo bar EX 100`.
  const options = [...url.searchParams].filter(([name]) => name !== '_token').flat();
  const command = [...words, ...(body === '' ? [] : [body]), ...options.filter(word => word !== '')];
  return { kind: 'command', command };
}

function pathWords(pathname: string): string[] {
  try {
    return pathname
      .split('/')
      .slice(1)
      .map(decodeURIComponent)
      .filter((word, index) => word !== '' || index > 0);
  } catch {
    throw new BadRequest('ERR the path is not well encoded');
  }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new BadRequest('ERR failed to parse the request: the body is no JSON');
  }
}

function readCommands(value: unknown, { maxCommands }: RestLimits): Command[] {
  if (!Array.isArray(value) || value.length === 0) throw new BadRequest('ERR empty pipeline request');
  if (value.length > maxCommands) {
    throw new BadRequest(`ERR ${value.length} commands in one request, where ${maxCommands} are allowed`);
  }
  return value.map(readCommand);
}

function readCommand(value: unknown): Command {
  if (!Array.isArray(value) || value.length === 0) throw new BadRequest('ERR empty command');
  return value.map(word => {
    // Half of a surrogate pair is no text; a Redis would be sent the same replacement.
    if (typeof word === 'string') return word.toWellFormed();
    if (typeof word === 'number' || typeof word === 'boolean') return String(word);
    throw new BadRequest('ERR failed to parse the request: a command holds text, numbers and booleans only');
  });
}
