/** The Worker's variables: what may be set, what it means, and what is wrong with it. Imports nothing of Cloudflare's. */

export type Variables = {
  /** Base addresses of ingest nodes, best first, separated by commas: `https://node-1.example:8080`. May be empty with a Redis. */
  readonly INGEST_URLS?: string;
  /** A Redis over the Upstash REST protocol, Upstash itself or a gateway: where the stream is read first. */
  readonly UPSTASH_REDIS_REST_URL?: string;
  /** A secret. Both or neither. */
  readonly UPSTASH_REDIS_REST_TOKEN?: string;
  /** Browsers per shard. Default 2000; the platform allows 32,768 sockets per object. */
  readonly SHARD_CAPACITY?: string;
  /** Origins whose pages may read the stream, separated by commas. Empty: all. */
  readonly ALLOWED_ORIGINS?: string;
  /** A secret. If set, whoever reads the stream or the APIs must give it; nodes are asked with it too. */
  readonly STREAM_TOKEN?: string;
  /** How often a hub merges what is new and sends it on, in milliseconds. Default 100. */
  readonly HUB_PACE_MS?: string;
};

export type RedisAccess = { readonly url: string; readonly token: string };

export type Settings = {
  readonly ingestUrls: readonly string[];
  readonly redis: RedisAccess | null;
  readonly shardCapacity: number;
  readonly allowedOrigins: readonly string[];
  readonly streamToken: string | null;
  readonly hubPaceMs: number;
};

/** What is wrong with the variables, all of it at once. */
export class SettingsError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the Worker's variables are wrong: ${faults.join('; ')}`);
    this.name = 'SettingsError';
    this.faults = faults;
  }
}

const cache = new WeakMap<Variables, Settings>();

/** Reads and checks the variables, once per environment. Throws {@link SettingsError} with every fault. */
export function readSettings(env: Variables): Settings {
  const known = cache.get(env);
  if (known !== undefined) return known;
  const faults: string[] = [];
  const settings: Settings = {
    ingestUrls: listOf(env.INGEST_URLS).map(url => baseUrl('INGEST_URLS', url, faults)),
    redis: readRedis(env, faults),
    shardCapacity: wholeNumber('SHARD_CAPACITY', env.SHARD_CAPACITY, 2_000, 1, 32_000, faults),
    allowedOrigins: listOf(env.ALLOWED_ORIGINS).map(origin => baseUrl('ALLOWED_ORIGINS', origin, faults)),
    streamToken: env.STREAM_TOKEN === undefined || env.STREAM_TOKEN === '' ? null : env.STREAM_TOKEN,
    hubPaceMs: wholeNumber('HUB_PACE_MS', env.HUB_PACE_MS, 100, 10, 1_000, faults),
  };
  if (settings.ingestUrls.length === 0 && settings.redis === null)
    faults.push('INGEST_URLS is empty: give the address of at least one ingest node, or of a Redis');
  if (faults.length > 0) throw new SettingsError(faults);
  cache.set(env, settings);
  return settings;
}

/** Faults do not repeat the values: a password may have got into the wrong one. */
function readRedis(env: Variables, faults: string[]): RedisAccess | null {
  const url = env.UPSTASH_REDIS_REST_URL?.trim() ?? '';
  const token = env.UPSTASH_REDIS_REST_TOKEN?.trim() ?? '';
  if (url === '' && token === '') return null;
  if (url === '') faults.push('UPSTASH_REDIS_REST_URL: missing, while UPSTASH_REDIS_REST_TOKEN is set');
  else if (!isHttp(url)) faults.push('UPSTASH_REDIS_REST_URL: not an address that begins with http:// or https://');
  if (token === '') faults.push('UPSTASH_REDIS_REST_TOKEN: missing, while UPSTASH_REDIS_REST_URL is set');
  return { url: url.replace(/\/+$/, ''), token };
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '');
}

function baseUrl(name: string, text: string, faults: string[]): string {
  if (!isHttp(text)) {
    faults.push(`${name}: "${text}" is not an address that begins with http:// or https://`);
    return text;
  }
  return text.replace(/\/+$/, '');
}

function wholeNumber(
  name: string,
  text: string | undefined,
  fallback: number,
  least: number,
  most: number,
  faults: string[],
): number {
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    faults.push(`${name}: "${text}" is not a whole number from ${least} to ${most}`);
    return fallback;
  }
  return value;
}
