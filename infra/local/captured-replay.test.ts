/**
 * The main job on real input: frames captured from the three exchanges go through `npm run replay` into a running node,
 * over the edge, to a client like a browser; what arrives is compared with the frames by a second reading of them.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type IngestNode, startIngestNode } from '../../ingest-node/bootstrap.ts';
import { readConfig } from '../../ingest-node/config/config.ts';
import { readWithSource } from '../../ingest-node/exchanges/testing/exact-reading.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { ServerMessage } from '../../shared/wire/messages.ts';
import { type RunningEdge, startEdge } from './edge-dev-server.ts';

const FRAMES = fileURLToPath(new URL('../../../shared/data/frames/', import.meta.url));
const REPLAY = fileURLToPath(new URL('../../ingest-node/replay.ts', import.meta.url));
const EXCHANGES = ['binance', 'upbit', 'bithumb'] as const;
const isThere = existsSync(FRAMES);
if (!isThere) console.warn(`NOT TESTED: the captured frames are not at ${FRAMES}`);

/** What an event says, as text: the same text means digit for digit the same. */
/** `time`: of a state that is not shown after a newer one, the exchange's, epoch milliseconds. */
type Saying = { readonly key: string; readonly text: string; readonly time?: number };
type Fields = Record<string, unknown>;

describe.skipIf(!isThere)(isThere ? 'captured frames' : 'captured frames NOT TESTED: they are not there', () => {
  let directory: string;
  let node: IngestNode;
  let edge: RunningEdge;
  let client: WebSocket;
  const arrived: MarketEvent[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'replay-'));
    const settings = readConfig({ INGEST_PORT: '0', DATA_DIR: directory }, { nodeId: 'node-1' });
    if (!settings.ok) throw new Error(settings.faults.join());
    node = await startIngestNode({
      config: { ...settings.config, exchanges: [] },
      logger: silentLogger,
      host: '127.0.0.1',
    });
    edge = await startEdge({ port: 0, ingestUrls: [node.url], log: () => {}, dashboardDir: join(directory, 'page') });
    client = new WebSocket(`${edge.url.replace(/^http/, 'ws')}/ws/exchange`);
    await new Promise<void>((resolve, reject) => {
      client.addEventListener('error', () => reject(new Error('the edge cannot be reached')));
      client.addEventListener('message', ({ data }) => {
        const message = JSON.parse(String(data)) as ServerMessage;
        if (message.type === 'snapshot') resolve();
        if (message.type === 'batch') arrived.push(...message.events);
      });
    });
  });

  afterAll(async () => {
    client?.close();
    await edge?.stop();
    await node?.stop();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  test('arrive at a client of the edge digit for digit', async () => {
    const files: string[] = [join(directory, 'markets.ndjson')];
    for (const exchange of EXCHANGES) {
      const names = (await readdir(join(FRAMES, exchange))).sort();
      files.push(...names.map(name => join(FRAMES, exchange, name)));
    }
    const records = (await Promise.all(files.slice(1).map(readRecords))).flat();
    const pairs = pairsOf(records);
    await writeFile(
      files[0]!,
      [binanceList(pairs), ...koreanLists(records)].map(list => JSON.stringify(list)).join('\n'),
    );

    const { stdout } = await promisify(execFile)(process.execPath, [REPLAY, ...files], {
      env: { ...process.env, DATA_DIR: directory },
    });
    expect(stdout.trim().split('\n')).toHaveLength(files.length);

    const said = records.flatMap(record => sayings(record, pairs));
    const trades = new Map(said.filter(({ key }) => key.startsWith('trade ')).map(saying => [saying.key, saying.text]));
    // Captured candles are of other days than the frames around them: those that seem late or early are left out.
    const last = newestOf(said.filter(({ key }) => !key.startsWith('candle ')));
    expect(trades.size).toBeGreaterThan(150);
    // State is conflated on its way, so not every value must arrive, but the last one of each instrument must.
    await expect
      .poll(() => [...last].filter(([key, text]) => lastArrived(arrived).get(key) !== text), { timeout: 10_000 })
      .toEqual([]);

    const everSaid = new Set(said.map(({ key, text }) => `${key} ${text}`));
    const invented = arrived.map(sayingOf).filter(({ key, text }) => !everSaid.has(`${key} ${text}`));
    expect(invented).toEqual([]);
    const ids = arrived
      .filter(event => event.type === 'trade')
      .map(trade => `${trade.exchange} ${trade.symbol} ${trade.id}`);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(trades.size);
    console.log(
      `captured frames: ${records.length} records, ${ids.length} trades, ${last.size - trades.size} final states arrived at the edge, ${arrived.length} events`,
    );
  });
});

type Captured = { exchange: (typeof EXCHANGES)[number]; direction: string; channel: string; raw: string };

async function readRecords(file: string): Promise<Captured[]> {
  return (await readFile(file, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line));
}

/** Captures of different days lie side by side. */
function newestOf(said: readonly Saying[]): Map<string, string> {
  const newest = new Map<string, Saying>();
  for (const saying of said) {
    const known = newest.get(saying.key);
    if (known?.time === undefined || saying.time === undefined || saying.time >= known.time)
      newest.set(saying.key, saying);
  }
  return new Map([...newest].map(([key, { text }]) => [key, text]));
}

function lastArrived(events: readonly MarketEvent[]): Map<string, string> {
  return new Map(events.map(sayingOf).map(({ key, text }) => [key, text]));
}

function sayingOf(event: MarketEvent): Saying {
  const key = `${event.type} ${event.exchange} ${event.symbol}`;
  switch (event.type) {
    case 'trade':
      return { key: `${key} ${event.id}`, text: [event.price, event.size, event.takerSide].join(' ') };
    case 'ticker':
      return {
        key,
        text: [event.last, event.high, event.low, event.volume, event.quoteVolume, event.change].join(' '),
      };
    case 'quote':
      return { key, text: [event.bid, event.bidSize, event.ask, event.askSize].join(' ') };
    case 'orderBook':
      return { key, text: JSON.stringify([event.bids, event.asks]) };
    case 'candle':
      return {
        key,
        text: words(event.openTime, event.open, event.high, event.low, event.close, event.volume, event.quoteVolume),
      };
    default:
      return { key, text: '' };
  }
}

/** Binance names no assets in its codes; the captured market list lacks some of the captured instruments. */
function pairsOf(records: readonly Captured[]): Map<string, [base: string, quote: string]> {
  const pairs = new Map<string, [string, string]>();
  const learn = (code: unknown) => {
    const match = /^([A-Z0-9]+?)(USDT|BTC|ETH|BNB)$/.exec(String(code).toUpperCase());
    if (match !== null) pairs.set(match[0], [match[1]!, match[2]!]);
  };
  for (const { exchange, direction, raw } of records) {
    if (exchange !== 'binance' || direction !== 'recv') continue;
    const frame = readWithSource(raw) as Fields;
    const data = (frame['data'] ?? frame) as Fields;
    learn(data['s']);
    if (typeof frame['stream'] === 'string') learn(frame['stream'].split('@')[0]);
  }
  return pairs;
}

function binanceList(pairs: Map<string, [string, string]>): object {
  const symbols = [...pairs].map(([symbol, [baseAsset, quoteAsset]]) => ({
    symbol,
    status: 'TRADING',
    baseAsset,
    quoteAsset,
    filters: [],
  }));
  return {
    exchange: 'binance',
    channel: 'rest_exchangeInfo',
    direction: 'http',
    raw: JSON.stringify({ timezone: 'UTC', symbols }),
  };
}

/** The captured Korean lists are of other days than the captured frames. */
function koreanLists(records: readonly Captured[]): object[] {
  return (['upbit', 'bithumb'] as const).map(exchange => {
    const codes = new Set<string>();
    for (const record of records) {
      if (record.exchange !== exchange || record.direction !== 'recv') continue;
      const frame = readWithSource(record.raw) as Fields;
      const code = frame['code'] ?? frame['cd'];
      if (typeof code === 'string') codes.add(code);
    }
    const markets = [...codes].map(market => ({ market, korean_name: market, english_name: market }));
    return { exchange, channel: 'rest_market_all', direction: 'http', raw: JSON.stringify(markets) };
  });
}

/** What a captured frame says, read without a line of the product. */
function sayings({ exchange, direction, channel, raw }: Captured, pairs: Map<string, [string, string]>): Saying[] {
  if (direction !== 'recv' || channel.startsWith('pub_')) return [];
  const frame = readWithSource(raw) as Fields;
  return exchange === 'binance' ? binanceSayings(frame, pairs) : koreanSayings(exchange, frame);
}

function binanceSayings(frame: Fields, pairs: Map<string, [string, string]>): Saying[] {
  const data = (frame['data'] ?? frame) as Fields;
  const code = String(data['s'] ?? String(frame['stream'] ?? '').split('@')[0]).toUpperCase();
  const pair = pairs.get(code);
  if (pair === undefined) return [];
  const key = (type: string) => `${type} binance ${pair.join('/')}`;
  if (data['e'] === 'trade') {
    return [
      { key: `${key('trade')} ${data['t']}`, text: words(data['p'], data['q'], data['m'] === true ? 'sell' : 'buy') },
    ];
  }
  if (data['e'] === '24hrTicker') {
    const text = words(data['c'], data['h'], data['l'], data['v'], data['q'], data['p']);
    return [{ key: key('ticker'), text, time: Number(data['E']) }];
  }
  if (data['e'] === '24hrMiniTicker') {
    const change = difference(data['c'], data['o']);
    const text = words(data['c'], data['h'], data['l'], data['v'], data['q'], change);
    return [{ key: key('ticker'), text, time: Number(data['E']) }];
  }
  if (data['e'] === 'kline') {
    const k = data['k'] as Fields;
    const text = words(k['t'], k['o'], k['h'], k['l'], k['c'], k['v'], k['q']);
    return k['i'] === '1m' ? [{ key: key('candle'), text }] : [];
  }
  if (data['lastUpdateId'] !== undefined)
    return [bookSaying(key, data['bids'] as unknown[][], data['asks'] as unknown[][])];
  if (data['u'] !== undefined && data['e'] === undefined && typeof data['b'] === 'string') {
    return [{ key: key('quote'), text: words(data['b'], data['B'], data['a'], data['A']) }];
  }
  return [];
}

function koreanSayings(exchange: string, frame: Fields): Saying[] {
  const field = (long: string, short: string) => frame[long] ?? frame[short];
  const [quote, base] = String(field('code', 'cd')).split('-');
  const key = (type: string) => `${type} ${exchange} ${base}/${quote}`;
  switch (field('type', 'ty')) {
    case 'trade': {
      const side = field('ask_bid', 'ab') === 'BID' ? 'buy' : 'sell';
      const id = field('sequential_id', 'sid');
      return [
        { key: `${key('trade')} ${id}`, text: words(field('trade_price', 'tp'), field('trade_volume', 'tv'), side) },
      ];
    }
    case 'ticker':
      return [
        {
          key: key('ticker'),
          time: Number(field('timestamp', 'tms')),
          text: words(
            field('trade_price', 'tp'),
            field('high_price', 'hp'),
            field('low_price', 'lp'),
            field('acc_trade_volume_24h', 'atv24h'),
            field('acc_trade_price_24h', 'atp24h'),
            field('signed_change_price', 'scp'),
          ),
        },
      ];
    case 'candle.1m':
      return [
        {
          key: key('candle'),
          text: words(
            Date.parse(`${field('candle_date_time_utc', 'cdttmu')}Z`),
            field('opening_price', 'op'),
            field('high_price', 'hp'),
            field('low_price', 'lp'),
            field('trade_price', 'tp'),
            field('candle_acc_trade_volume', 'catv'),
            field('candle_acc_trade_price', 'catp'),
          ),
        },
      ];
    case 'orderbook': {
      const units = field('orderbook_units', 'obu') as Fields[];
      const side = (price: string, size: string, p: string, s: string) =>
        units.map(unit => [unit[price] ?? unit[p], unit[size] ?? unit[s]]);
      const bids = side('bid_price', 'bid_size', 'bp', 'bs');
      const asks = side('ask_price', 'ask_size', 'ap', 'as');
      const top = [...levels(bids).slice(0, 1), ...levels(asks).slice(0, 1)].flat();
      return [bookSaying(key, bids, asks), { key: key('quote'), text: top.join(' ') }];
    }
    default:
      return [];
  }
}

function bookSaying(key: (type: string) => string, bids: unknown[][], asks: unknown[][]): Saying {
  return { key: key('orderBook'), text: JSON.stringify([levels(bids).slice(0, 15), levels(asks).slice(0, 15)]) };
}

function levels(rows: unknown[][]): string[][] {
  return rows
    .map(([price, size]) => [plain(price), plain(size)])
    .filter(([price, size]) => price !== '0' && size !== '0');
}

/** What a trimmed capture lacks is nothing. */
function words(...values: unknown[]): string {
  const word = (value: unknown) => (/^[a-z]+$/.test(String(value)) ? String(value) : plain(value));
  return values.map(value => (value === undefined ? '' : word(value))).join(' ');
}

/** Any spelling of a number as plain text. */
function plain(value: unknown): string {
  const [, sign = '', integer = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(String(value)) ?? [];
  const point = integer.length + Number(exponent);
  const digits = (integer + fraction).padEnd(point, '0');
  const padded = point > 0 ? digits : '0'.repeat(1 - point) + digits;
  const at = Math.max(point, 1);
  const whole = padded.slice(0, at).replace(/^0+(?=\d)/, '');
  const rest = padded.slice(at).replace(/0+$/, '');
  const text = rest === '' ? whole : `${whole}.${rest}`;
  return text === '0' ? text : sign + text;
}

function difference(a: unknown, b: unknown): string {
  const digits = (value: unknown) => (plain(value).split('.')[1] ?? '').length;
  const places = Math.max(digits(a), digits(b));
  const scaled = (value: unknown) => {
    const [whole = '0', fraction = ''] = plain(value).split('.');
    return BigInt(whole + fraction.padEnd(places, '0'));
  };
  const units = scaled(a) - scaled(b);
  const text = (units < 0n ? -units : units).toString().padStart(places + 1, '0');
  const cut = text.length - places;
  return plain(`${units < 0n ? '-' : ''}${text.slice(0, cut)}${places > 0 ? `.${text.slice(cut)}` : ''}`);
}
