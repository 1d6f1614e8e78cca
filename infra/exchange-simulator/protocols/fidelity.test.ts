import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../simulator.ts';
import { NumberText, parseExact } from '../testing/exact-json.ts';
import { FastClock } from '../testing/fast-clock.ts';
import { SocketProbes } from '../testing/socket-probe.ts';

/** Recorded frames of the real exchanges lie beside the repository, never in it. */
const DATA = fileURLToPath(new URL('../../../../shared/data/', import.meta.url));
const EXAMPLES = `${DATA}examples/`;
const isThere = existsSync(EXAMPLES);
if (!isThere) {
  console.warn(`Fidelity was NOT checked: no recorded frames at ${EXAMPLES}`);
}

type ExampleFile = { frames: Array<{ name: string; dir: string; kind?: string; raw: string }> };

/** What one field looks like: its JSON type, or for a number how it is spelled. */
type Shape = Map<string, Set<string>>;

function spellingOf(text: string): string {
  if (/E/.test(text)) return 'E-exponent';
  if (/e/.test(text)) return 'e-exponent';
  if (!text.includes('.')) return 'whole';
  if (text.endsWith('.0')) return 'point-zero';
  return text.endsWith('0') ? 'padded' : 'fraction';
}

/** Strings are told apart by what they hold, so that a quoted price is not taken for a word. */
function kindOf(value: unknown): string {
  if (value instanceof NumberText) return spellingOf(value.text);
  if (value === null) return 'null';
  if (typeof value !== 'string') return typeof value;
  if (/^-?\d+(\.\d+)?$/.test(value)) return 'quoted-number';
  return 'text';
}

function look(value: unknown, path: string, shape: Shape): void {
  if (Array.isArray(value)) {
    for (const [index, entry] of value.entries()) {
      const isTuple = value.every(item => !isObject(item) && !Array.isArray(item));
      look(entry, `${path}[${isTuple ? index : ''}]`, shape);
    }
  } else if (isObject(value)) {
    for (const [key, entry] of Object.entries(value)) look(entry, `${path}.${key}`, shape);
  } else {
    const kinds = shape.get(path) ?? new Set();
    kinds.add(kindOf(value));
    shape.set(path, kinds);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !(value instanceof NumberText) && !Array.isArray(value);
}

function shapeOf(texts: readonly string[]): Shape {
  const shape: Shape = new Map();
  for (const text of texts) look(parseExact(text), '', shape);
  return shape;
}

function examples(file: string, isWanted: (name: string, raw: string) => boolean): string[] {
  const { frames } = JSON.parse(readFileSync(`${EXAMPLES}${file}.json`, 'utf8')) as ExampleFile;
  return frames
    .filter(frame => frame.dir === 'server' && isWanted(frame.name, frame.raw))
    .map(frame => frame.raw)
    .filter(raw => raw.trim().startsWith('{') || raw.trim().startsWith('['));
}

function captures(file: string): string[] {
  const path = `${DATA}frames/${file}.ndjson`;
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map(line => (JSON.parse(line) as { raw: string }).raw).filter(raw => /^\s*[[{]/.test(raw));
}

/** A number spelled one way may, for its value, have to look another way. */
const IMPLIED: Record<string, readonly string[]> = {
  'point-zero': ['fraction', 'whole'],
  padded: ['fraction', 'point-zero'],
  fraction: ['whole', 'padded', 'point-zero'],
  'E-exponent': ['point-zero', 'fraction'],
  'quoted-number': [],
};
/** A whole number printed without a point becomes a fraction only when the market's prices are cheap. */
const CHEAP = ['fraction'];

function spellings(seen: ReadonlySet<string>, exponents: ReadonlySet<string>): Set<string> {
  const allowed = new Set(seen);
  for (const kind of seen) for (const implied of IMPLIED[kind] ?? []) allowed.add(implied);
  if (seen.has('whole')) for (const kind of CHEAP) allowed.add(kind);
  if (seen.has('fraction') || seen.has('padded')) for (const kind of exponents) allowed.add(kind);
  return allowed;
}

/** Compare what we write with what was recorded; `spelled` are further recordings that count for spellings only. */
function compare(ours: readonly string[], real: readonly string[], spelled: readonly string[] = []): string[] {
  expect(ours.length).toBeGreaterThan(0);
  expect(real.length).toBeGreaterThan(0);
  const mine = shapeOf(ours);
  const theirs = shapeOf(real);
  const wider = shapeOf([...real, ...spelled]);
  const exponents = new Set([...wider.values()].flatMap(kinds => [...kinds]).filter(kind => kind.includes('exponent')));
  const faults: string[] = [];
  for (const path of theirs.keys()) if (!mine.has(path)) faults.push(`${path} is missing`);
  for (const [path, kinds] of mine) {
    const seen = wider.get(path);
    if (seen === undefined) {
      faults.push(`${path} was never seen`);
      continue;
    }
    const allowed = spellings(seen, exponents);
    for (const kind of kinds) if (!allowed.has(kind)) faults.push(`${path} is ${kind}, seen ${[...seen].join(' ')}`);
  }
  return faults;
}

let simulator: Simulator;
const probes = new SocketProbes();

beforeAll(async () => {
  if (isThere)
    simulator = await startSimulator({
      instruments: 60,
      eventsPerSecond: 1_500,
      seed: 4,
      stepMs: 5,
      now: new FastClock(10).now,
      enforceLimits: false,
    });
});
afterAll(async () => {
  probes.end();
  if (isThere) await simulator.stop();
});

/** Frames of one channel from a subscribed socket, enough for every spelling to have come up. */
async function record(
  path: string,
  subscribe: unknown,
  matches: (text: string) => boolean,
  count: number,
): Promise<string[]> {
  const probe = await probes.open(`${simulator.url}${path}`);
  if (subscribe !== null) probe.send(subscribe);
  await probe.until(() => probe.frames.filter(frame => matches(frame.text)).length >= count);
  probe.end();
  return probe.frames.map(frame => frame.text).filter(matches);
}

async function rest(path: string): Promise<string[]> {
  return [await (await fetch(`${simulator.url}${path}`)).text()];
}

const CODES = ['KRW-BTC', 'KRW-ETH', 'KRW-XRP'];
const ask = (type: string, format: string): unknown => [{ ticket: 't' }, { type, codes: CODES }, { format }];
const anything = (): boolean => true;

describe.skipIf(!isThere)('frames look like the recorded ones (skipped without the recordings)', () => {
  it.each([
    ['trade', 'DEFAULT', 'DEFAULT', 'trade', 40],
    ['trade', 'SIMPLE', 'SIMPLE snapshot', 'trade', 40],
    ['ticker', 'DEFAULT', 'DEFAULT', 'ticker', 40],
    ['ticker', 'SIMPLE', 'SIMPLE', 'ticker', 40],
    ['orderbook', 'DEFAULT', 'DEFAULT', 'orderbook', 25],
    ['orderbook', 'SIMPLE', 'SIMPLE snapshot', 'orderbook_simple', 25],
    ['candle', 'DEFAULT', 'DEFAULT', 'candle', 4],
    ['candle', 'SIMPLE', 'SIMPLE', 'candle', 4],
  ])('upbit %s in %s', async (channel, format, name, capture, count) => {
    const type = channel === 'candle' ? 'candle.1m' : channel;
    const ours = await record('/upbit/websocket/v1', ask(type, format), text => text.includes(`"${type}"`), count);
    const short = format === 'SIMPLE';
    const real = examples(
      `upbit/${channel}`,
      (frame, raw) => frame.startsWith(name) && raw.includes(short ? '"ty"' : '"type"'),
    );
    const both = examples(`upbit/${channel}`, () => true);
    // Long keys tell nothing about short ones, but a spelling seen under a long key counts for its short one.
    const seen = [...both, ...captures(`upbit/${capture}`)];
    const spelled = short
      ? [...seen.filter(raw => raw.includes('"ty"')), ...shorten(seen, both, real)]
      : captures(`upbit/${capture}`);
    expect(compare(ours, real, spelled)).toEqual([]);
  });

  it.each([
    ['trade', 'trade', 40],
    ['ticker', 'ticker', 40],
    ['orderbook', 'orderbook', 40],
  ])('bithumb %s', async (channel, capture, count) => {
    const ours = await record('/bithumb/websocket/v1', ask(channel, 'DEFAULT'), anything, count);
    const real = examples(`bithumb/${channel}`, (_, raw) => raw.includes('"type"'));
    // The recordings' notes say that this one was seen absent, null and empty.
    const noted = ['.delisting_date is null, seen text'];
    const faults = compare(ours, real, captures(`bithumb/${capture}`));
    expect(faults.filter(fault => !noted.includes(fault))).toEqual([]);
  });

  it('bithumb orderbook in SIMPLE', async () => {
    const ours = await record('/bithumb/websocket/v1', ask('orderbook', 'SIMPLE'), anything, 20);
    const real = examples('bithumb/orderbook', name => name.startsWith('SIMPLE'));
    const tail = ['.lv was never seen', '.tms was never seen', '.st was never seen'];
    expect(
      compare(
        ours,
        real,
        examples('upbit/orderbook', name => name === 'SIMPLE snapshot'),
      ).filter(fault => !tail.includes(fault)),
    ).toEqual([]);
  });

  it.each([
    ['trade', 'btcusdt@trade', 'trade', 15],
    ['aggTrade', 'btcusdt@aggTrade', 'aggTrade', 15],
    ['ticker', 'btcusdt@ticker', '24hrTicker', 1],
    ['miniTicker', 'btcusdt@miniTicker', '24hrMiniTicker', 1],
    ['bookTicker', 'btcusdt@bookTicker', 'bookTicker', 15],
    ['depthPartial', 'btcusdt@depth5@100ms', 'partialDepth', 5],
    ['depthUpdate', 'btcusdt@depth@100ms', 'depthUpdate', 5],
    ['kline', 'btcusdt@kline_1m', 'kline', 1],
  ])('binance %s, bare and wrapped', async (file, stream, capture, count) => {
    const bare = await record(`/binance/ws/${stream}`, null, anything, count);
    const wrapped = await record(`/binance/stream?streams=${stream}`, null, anything, count);
    const isArray = (raw: string): boolean => raw.startsWith('[');
    const isWrapped = (raw: string): boolean => raw.startsWith('{"stream"');
    const recorded = captures(`binance/${capture}`);
    const plain = examples(`binance/${file}`, (_, raw) => !isWrapped(raw) && !isArray(raw));
    expect(
      compare(
        bare,
        plain,
        recorded.filter(raw => !isWrapped(raw)),
      ),
    ).toEqual([]);
    expect(
      compare(
        wrapped,
        examples(`binance/${file}`, (_, raw) => isWrapped(raw)),
        recorded.filter(isWrapped),
      ),
    ).toEqual([]);
    for (const kind of shapeOf(bare).values())
      expect([...kind].some(name => /exponent|padded|fraction/.test(name))).toBe(false);
  });

  it.each([
    ['TRADE', 'trade', 'DEFAULT', 20],
    ['TRADE', 'trade', 'SHORT', 20],
    ['TICKER', 'ticker', 'DEFAULT', 20],
    ['ORDERBOOK', 'orderbook', 'DEFAULT', 10],
  ])('coinone %s', async (channel, file, format, count) => {
    const topic = { quote_currency: 'KRW', target_currency: 'XRP' };
    const isShort = (raw: string): boolean => raw.startsWith('{"r"');
    const isWanted = (raw: string): boolean => isShort(raw) === (format === 'SHORT') && raw.includes('DATA');
    const ours = await record('/coinone', { request_type: 'SUBSCRIBE', channel, topic, format }, isWanted, count);
    const real = examples(`coinone/${file}`, (_, raw) => isWanted(raw));
    expect(compare(ours, real, captures(`coinone/${file}`).filter(isWanted))).toEqual([]);
  });

  it('coinone tickers over REST, and the error of an unknown currency', async () => {
    const ours = [
      ...(await rest('/coinone/public/v2/ticker_new/KRW')),
      ...(await rest('/coinone/public/v2/ticker_new/KRW/NOPE')),
    ];
    expect(compare(ours, examples('coinone/rest_ticker_new', anything))).toEqual([]);
  });

  it('coinone answers', async () => {
    const probe = await probes.open(`${simulator.url}/coinone`);
    const topic = { quote_currency: 'KRW', target_currency: 'NOPE' };
    probe.send({ request_type: 'SUBSCRIBE', channel: 'TRADE', topic });
    probe.send({ request_type: 'SUBSCRIBE', channel: 'TRADE', topic, format: 'default' });
    probe.send({ request_type: 'PING' });
    const ours = await probe.take(5);
    const isSession = (raw: string): boolean => raw.includes('session_id');
    expect(
      compare(ours, [...examples('coinone/control', anything), ...captures('coinone/control').filter(isSession)]),
    ).toEqual([]);
  });

  it.each([
    ['binance/rest_depth', '/binance/api/v3/depth?symbol=BTCUSDT&limit=5'],
    ['binance/rest_trades', '/binance/api/v3/trades?symbol=BTCUSDT&limit=50'],
    ['binance/rest_aggTrades', '/binance/api/v3/aggTrades?symbol=BTCUSDT&limit=50'],
    ['binance/rest_ticker24hr', '/binance/api/v3/ticker/24hr?symbol=BTCUSDT'],
    ['binance/rest_klines', '/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=9'],
    ['upbit/rest_orderbook', '/upbit/v1/orderbook?markets=KRW-BTC'],
    ['upbit/rest_orderbook_instruments', '/upbit/v1/orderbook/instruments?markets=KRW-BTC'],
    ['upbit/rest_ticker', '/upbit/v1/ticker?markets=KRW-BTC,KRW-ETH'],
    ['upbit/rest_trades_ticks', '/upbit/v1/trades/ticks?market=KRW-BTC&count=200'],
    ['bithumb/rest_orderbook', '/bithumb/v1/orderbook?markets=KRW-BTC'],
    ['bithumb/rest_ticker', '/bithumb/v1/ticker?markets=KRW-BTC'],
    ['bithumb/rest_trades_ticks', '/bithumb/v1/trades/ticks?market=KRW-BTC&count=200'],
    ['bithumb/rest_market_all', '/bithumb/v1/market/all?isDetails=true'],
    ['bithumb/rest_virtual_asset_warning', '/bithumb/v1/market/virtual_asset_warning'],
  ])('the answer of %s', async (file, path) => {
    // One recording of trades shows how Upbit's REST spells small sizes; the others happen to hold none.
    const spelled = file.startsWith('upbit/') ? examples('upbit/rest_trades_ticks', anything) : [];
    expect(compare(await rest(path), examples(file, anything), spelled)).toEqual([]);
  });

  it('the answers of binance/rest_exchangeInfo and upbit/rest_market_all', async () => {
    const info = compare(await rest('/binance/api/v3/exchangeInfo?symbol=ETHBTC'), [
      ...examples('binance/rest_exchangeInfo', anything),
      ...captures('binance/rest_exchangeInfo'),
    ]);
    expect(info.filter(fault => !fault.startsWith('.symbols[].permissionSets'))).toEqual([]);
    const markets = examples('upbit/rest_market_all', name => name.startsWith('GET'));
    expect(compare(await rest('/upbit/v1/market/all?is_details=true'), markets)).toEqual([]);
  });
});

/** Recorded frames with long keys, rewritten with the short ones that hold the same places in a recorded pair. */
function shorten(seen: readonly string[], both: readonly string[], short: readonly string[]): string[] {
  const keysOf = (raw: string): string[] => [...raw.matchAll(/"(\w+)":/g)].map(([, key]) => key!);
  const long = both.find(raw => raw.startsWith('{"type"'))!;
  const names = new Map(keysOf(long).map((key, index) => [key, keysOf(short[0]!)[index] ?? key]));
  return seen
    .filter(raw => raw.startsWith('{"type"'))
    .map(raw => raw.replace(/"(\w+)":/g, (whole, key: string) => (names.has(key) ? `"${names.get(key)}":` : whole)));
}
