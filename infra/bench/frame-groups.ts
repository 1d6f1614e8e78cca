/**
 * What the conversions are compared on: the frames of one channel of one exchange, as captured where a collection of
 * captures lies next to the repository, composed by the simulator's market where not.
 *
 * Two kinds are captured in another dress than the node gets them in, and are changed without touching a digit: Upbit's
 * SIMPLE frames get the long keys that we subscribe to, and Binance's REST books become partial book frames of 20 levels.
 */
import { existsSync, readFileSync } from 'node:fs';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import { benchInstrument, createMarketFrames } from './market-frames.ts';

export type FrameGroup = {
  readonly exchange: ExchangeName;
  readonly channel: string;
  readonly frames: readonly Buffer[];
  readonly instruments: ReadonlyMap<string, Instrument>;
};

export type FrameCollection = { readonly source: 'captured' | 'composed'; readonly groups: readonly FrameGroup[] };

const CAPTURES = new URL('../../../shared/data/frames/', import.meta.url);

type Origin = { readonly exchange: ExchangeName; readonly channel: string; readonly files: readonly string[] };

const ORIGINS: readonly Origin[] = [
  { exchange: 'binance', channel: 'trade', files: ['binance/trade', 'binance-us/trade'] },
  { exchange: 'binance', channel: 'ticker', files: ['binance/24hrTicker'] },
  { exchange: 'binance', channel: 'bookTicker', files: ['binance/bookTicker', 'binance-us/bookTicker'] },
  {
    exchange: 'binance',
    channel: 'depth20',
    files: ['binance/partialDepth', 'binance/rest_depth', 'binance-us/rest_depth'],
  },
  { exchange: 'binance', channel: 'kline_1m', files: ['binance/kline', 'binance-us/kline'] },
  { exchange: 'binance', channel: 'depth@100ms', files: ['binance/depthUpdate', 'binance-us/depthUpdate'] },
  { exchange: 'upbit', channel: 'trade', files: ['upbit/trade', 'upbit/trade_simple'] },
  { exchange: 'upbit', channel: 'ticker', files: ['upbit/ticker'] },
  { exchange: 'upbit', channel: 'orderbook', files: ['upbit/orderbook', 'upbit/orderbook_simple'] },
  { exchange: 'upbit', channel: 'candle.1m', files: ['upbit/candle'] },
  { exchange: 'bithumb', channel: 'trade', files: ['bithumb/trade'] },
  { exchange: 'bithumb', channel: 'ticker', files: ['bithumb/ticker'] },
  { exchange: 'bithumb', channel: 'orderbook', files: ['bithumb/orderbook'] },
];

/** Frames that our converters refuse (an example without a symbol, say) take no part. */
export function collectFrames(): FrameCollection {
  if (!existsSync(CAPTURES)) return { source: 'composed', groups: composedGroups(2_000) };
  const groups = ORIGINS.map(({ exchange, channel, files }) => {
    const texts = files.flatMap(readCapture).map(raw => inOurDress(exchange, channel, raw));
    const instruments = instrumentsIn(exchange, texts);
    return { exchange, channel, instruments, frames: texts.map(text => Buffer.from(text)) };
  });
  return { source: 'captured', groups: groups.map(onlyConvertible).filter(({ frames }) => frames.length > 0) };
}

/** The same channels out of the simulator's market, at most 100 frames of each. */
export function composedGroups(frames: number): FrameGroup[] {
  const market = createMarketFrames({ instruments: 30, frames, deltaBooks: 1 });
  return ORIGINS.map(({ exchange, channel }) => ({
    exchange,
    channel,
    instruments: market.instruments.get(exchange) ?? new Map(),
    frames: market.frames
      .filter(frame => frame.exchange === exchange && frame.channel === channel)
      .slice(0, 100)
      .map(({ bytes }) => bytes),
  })).filter(group => group.frames.length > 0);
}

function readCapture(name: string): string[] {
  const url = new URL(`${name}.ndjson`, CAPTURES);
  if (!existsSync(url)) return [];
  return readFileSync(url, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => (JSON.parse(line) as { raw: string }).raw);
}

function inOurDress(exchange: ExchangeName, channel: string, raw: string): string {
  if (exchange !== 'binance') return raw.replace(/(?<=[{,] ?)"([a-z0-9]{1,4})"(?= ?:)/g, longKey);
  if (channel === 'depth20') return asPartialBook(raw);
  const symbol = /"s": ?"([A-Z0-9]+)"/.exec(raw)?.[1];
  return raw.startsWith('{"stream"') || symbol === undefined
    ? raw
    : inStream(`${symbol.toLowerCase()}@${channel}`, raw);
}

function inStream(stream: string, data: string): string {
  return `{"stream":"${stream}","data":${data}}`;
}

/** The top 20 levels of a whole book, as a frame of one made-up stream. */
function asPartialBook(raw: string): string {
  if (raw.startsWith('{"stream"')) return raw;
  const body = JSON.parse(raw) as { lastUpdateId: number; bids: unknown[]; asks: unknown[] };
  const { lastUpdateId, bids, asks } = body;
  return inStream(
    'btcusdt@depth20',
    JSON.stringify({ lastUpdateId, bids: bids.slice(0, 20), asks: asks.slice(0, 20) }),
  );
}

/** https://docs.upbit.com/kr/reference/websocket-trade, …/websocket-ticker, …/websocket-orderbook */
const LONG_KEYS: Readonly<Record<string, string>> = {
  ty: 'type',
  cd: 'code',
  tms: 'timestamp',
  td: 'trade_date',
  ttm: 'trade_time',
  ttms: 'trade_timestamp',
  tp: 'trade_price',
  tv: 'trade_volume',
  ab: 'ask_bid',
  pcp: 'prev_closing_price',
  c: 'change',
  cp: 'change_price',
  sid: 'sequential_id',
  st: 'stream_type',
  tas: 'total_ask_size',
  tbs: 'total_bid_size',
  obu: 'orderbook_units',
  ap: 'ask_price',
  bp: 'bid_price',
  as: 'ask_size',
  bs: 'bid_size',
};

function longKey(whole: string, key: string): string {
  const long = LONG_KEYS[key];
  return long === undefined ? whole : `"${long}"`;
}

const BINANCE_CODE = /^(?<base>.+?)(?<quote>USDT|USDC|BUSD|FDUSD|USD|BTC|ETH|BNB)$/;
const KOREAN_CODE = /^(?<quote>[^-]+)-(?<base>.+)$/;

function instrumentsIn(exchange: ExchangeName, texts: readonly string[]): Map<string, Instrument> {
  const index = new Map<string, Instrument>();
  for (const text of texts) {
    const code = /"code": ?"([^"]+)"/.exec(text)?.[1] ?? /"stream":"([^"@]+)@/.exec(text)?.[1]?.toUpperCase();
    if (code === undefined) continue;
    const { base, quote } = (exchange === 'binance' ? BINANCE_CODE : KOREAN_CODE).exec(code)?.groups ?? {};
    if (base !== undefined && quote !== undefined) index.set(code, benchInstrument(exchange, code, base, quote));
  }
  return index;
}

function onlyConvertible(group: FrameGroup): FrameGroup {
  const { convert } = EXCHANGE_ADAPTERS[group.exchange];
  const now = Date.UTC(2026, 10, 22);
  return { ...group, frames: group.frames.filter(frame => convert(frame, now, group.instruments).kind === 'events') };
}
