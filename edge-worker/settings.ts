/** The Worker's variables: what may be set, what it means, and what is wrong with it. Imports nothing of Cloudflare's. */

export type Variables = {
  /** Base addresses of ingest nodes, best first, separated by commas: `https://node-1.example:8080`. */
  readonly INGEST_URLS: string;
  /** Browsers per shard. Default 2000; the platform allows 32,768 sockets per object. */
  readonly SHARD_CAPACITY?: string;
  /** Origins whose pages may read the stream, separated by commas. Empty: all. */
  readonly ALLOWED_ORIGINS?: string;
  /** A secret. If set, whoever reads the stream or the APIs must give it; nodes are asked with it too. */
  readonly STREAM_TOKEN?: string;
  /** How often a hub merges what is new and sends it on, in milliseconds. Default 100. */
  readonly HUB_PACE_MS?: string;
};

export type Settings = {
  readonly ingestUrls: readonly string[];
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
    shardCapacity: wholeNumber('SHARD_CAPACITY', env.SHARD_CAPACITY, 2_000, 1, 32_000, faults),
    allowedOrigins: listOf(env.ALLOWED_ORIGINS).map(origin => baseUrl('ALLOWED_ORIGINS', origin, faults)),
    streamToken: env.STREAM_TOKEN === undefined || env.STREAM_TOKEN === '' ? null : env.STREAM_TOKEN,
    hubPaceMs: wholeNumber('HUB_PACE_MS', env.HUB_PACE_MS, 100, 10, 1_000, faults),
  };
  if (settings.ingestUrls.length === 0)
    faults.push('INGEST_URLS is empty: give the address of at least one ingest node');
  if (faults.length > 0) throw new SettingsError(faults);
  cache.set(env, settings);
  return settings;
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '');
}

function baseUrl(name: string, text: string, faults: string[]): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
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
