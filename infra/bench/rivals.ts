/**
 * Other people's converters, fed as their own clients feed them, JSON.parse included, without any network:
 *
 * - ccxt (https://github.com/ccxt/ccxt): each frame goes to `onMessage` of a client of its own making that is never
 *   connected, which parses it and hands it to the exchange's `handleMessage`, as it does with a socket's messages.
 * - tardis-dev (https://github.com/tardis-dev/tardis-node): each frame is parsed and shown to the exchange's mappers for
 *   trades, books and best quotes, as its real-time stream does.
 *
 * tardis-dev gives changes of a book once it has a snapshot, and gets an empty one.
 *
 * Neither keeps exact digits: both turn numbers into doubles. A rival takes part in a group only if it gives something
 * for every frame of it: so ccxt in none of Upbit's minute candles, because it has a handler for those of a second alone and
 * drops these.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { FrameGroup } from './frame-groups.ts';

export type RivalName = 'ccxt' | 'tardis';

export type Rival = {
  readonly name: RivalName;
  readonly version: string;
  /** Converts one frame of a group; `null` when this rival does not carry what the group holds. */
  join(group: FrameGroup): Convert | null;
};

/** Answers how many results the frame gave. */
export type Convert = (frame: Buffer) => number;

/** Asked twice, because some convert only the first book of an instrument. */
export function onlyIfItCarries(group: FrameGroup, convert: Convert): Convert | null {
  const frames = [...group.frames, ...group.frames];
  return frames.every(frame => convert(frame) > 0) ? convert : null;
}

const HERE = new URL('./', import.meta.url);
const requireHere = createRequire(import.meta.url);

/** Installs what we compare with, beside this file and out of the product's way; says why when it cannot. */
export function installRivals(): { readonly ok: true } | { readonly ok: false; readonly reason: string } {
  if (existsSync(new URL('node_modules/.package-lock.json', HERE))) return { ok: true };
  const folder = fileURLToPath(HERE);
  const arguments_ = ['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'];
  const run = spawnSync('npm', arguments_, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' });
  if (run.status === 0) return { ok: true };
  const words = `${run.error?.message ?? ''}\n${run.stderr ?? ''}`.split('\n');
  const line = words.find(text => /npm (ERR!|error)|ENOENT/.test(text)) ?? words.find(text => text.trim() !== '');
  return { ok: false, reason: line?.trim() ?? `npm ended with ${run.status}` };
}

export async function loadRivals(): Promise<Rival[]> {
  return [await loadCcxt(), loadTardis()];
}

function versionOf(name: string): string {
  return (requireHere(fileURLToPath(new URL(`node_modules/${name}/package.json`, HERE))) as { version: string })
    .version;
}

/** What of ccxt's classes is used here. */
type CcxtClient = {
  onMessage(event: { readonly data: Buffer }): void;
  resolve(result: unknown, hash: string): unknown;
};
type CcxtExchange = {
  client(url: string): CcxtClient;
  setMarkets(markets: readonly object[]): void;
  safeMarketStructure(market: object): object;
};
type CcxtModule = { readonly pro: Readonly<Record<string, new () => CcxtExchange>> };

/** Where ccxt's exchanges would connect, by which some of their handlers know what they are reading. */
const CCXT_URLS: Readonly<Record<string, string>> = {
  binance: 'wss://stream.binance.com:9443/stream',
  upbit: 'wss://api.upbit.com/websocket/v1',
  bithumb: 'wss://ws-api.bithumb.com/websocket/v1',
};

async function loadCcxt(): Promise<Rival> {
  const module = (await import(new URL('node_modules/ccxt/js/ccxt.js', HERE).href)) as { default: CcxtModule };
  return {
    name: 'ccxt',
    version: versionOf('ccxt'),
    join: group => {
      const url = CCXT_URLS[group.exchange];
      const Exchange = module.default.pro[group.exchange];
      if (url === undefined || Exchange === undefined) return null;
      const exchange = new Exchange();
      exchange.setMarkets([...group.instruments.values()].map(instrument => toCcxtMarket(exchange, instrument)));
      const client = exchange.client(url);
      const resolve = client.resolve.bind(client);
      let results = 0;
      client.resolve = (result, hash) => {
        results += 1;
        return resolve(result, hash);
      };
      const convert: Convert = frame => {
        const before = results;
        client.onMessage({ data: frame });
        return results - before;
      };
      // A book of ccxt's exists once a snapshot came.
      for (const frame of group.frames) convert(Buffer.from(frame.toString().replace('"REALTIME"', '"SNAPSHOT"')));
      return onlyIfItCarries(group, convert);
    },
  };
}

function toCcxtMarket(exchange: CcxtExchange, { nativeCode, symbol, base, quote }: Instrument): object {
  return exchange.safeMarketStructure({
    id: nativeCode,
    symbol,
    base,
    quote,
    baseId: base,
    quoteId: quote,
    type: 'spot',
    spot: true,
    active: true,
  });
}

type TardisMapper = { canHandle(message: unknown): boolean; map(message: unknown, at: Date): Iterable<unknown> };
type TardisModule = Readonly<
  Record<
    'normalizeTrades' | 'normalizeBookChanges' | 'normalizeBookTickers',
    (exchange: string, at: Date) => TardisMapper
  >
>;

function loadTardis(): Rival {
  const module = requireHere(fileURLToPath(new URL('node_modules/tardis-dev', HERE))) as TardisModule;
  const makers = [module.normalizeTrades, module.normalizeBookChanges, module.normalizeBookTickers];
  return {
    name: 'tardis',
    version: versionOf('tardis-dev'),
    join: group => {
      const mappers = makers.flatMap(make => {
        try {
          return [make(group.exchange, new Date())];
        } catch {
          // Not every exchange has every mapper.
          return [];
        }
      });
      const convert: Convert = frame => {
        const message: unknown = JSON.parse(frame.toString());
        const at = new Date();
        let results = 0;
        for (const mapper of mappers) {
          if (mapper.canHandle(message)) for (const _ of mapper.map(message, at)) results += 1;
        }
        return results;
      };
      if (group.channel === 'depth@100ms') {
        for (const code of group.instruments.keys()) convert(Buffer.from(emptyBook(code.toLowerCase())));
      }
      return onlyIfItCarries(group, convert);
    },
  };
}

/** By its id, tardis-dev takes any change for one that follows. */
function emptyBook(symbol: string): string {
  return `{"stream":"${symbol}@depthSnapshot","data":{"lastUpdateId":-1,"bids":[],"asks":[]}}`;
}
