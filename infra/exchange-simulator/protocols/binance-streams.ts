import type { InstrumentState } from '../market/instrument-state.ts';

/** Most streams one connection may hold (https://developers.binance.com/docs/binance-spot-api-docs). */
export const MAX_STREAMS = 1024;

const CHANNEL =
  /^(trade|aggTrade|blockTrade|referencePrice|avgPrice|ticker|miniTicker|bookTicker|ticker_(1h|4h|1d)|depth(5|10|20)?(@100ms|@1000ms)?|kline_(1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1M)(@\+08:00)?)$/;
const WHOLE_MARKET = /^!(miniTicker|ticker_(1h|4h|1d))@arr$/;

/** Whether a stream has the form of one: an unknown symbol does not matter, it is acknowledged and stays silent. */
export function isStreamName(name: string): boolean {
  if (WHOLE_MARKET.test(name)) return true;
  const at = name.indexOf('@');
  return at > 0 && CHANNEL.test(name.slice(at + 1));
}

/** The channel of a stream name, for counting: `depth`, `trade`, `kline_1m`. */
export function channelOf(name: string): string {
  return name.split('@')[1] ?? name;
}

/** Stream names of one instrument, spelled once. */
export type StreamNames = {
  trade: string;
  aggTrade: string;
  ticker: string;
  miniTicker: string;
  bookTicker: string;
  kline: string;
  /** Diff depth, then partial depth of 5, 10 and 20 levels, every 100 ms and every second. */
  depthFast: string;
  depthSlow: string;
  topFast: ReadonlyArray<readonly [levels: number, name: string]>;
  topSlow: ReadonlyArray<readonly [levels: number, name: string]>;
};

export function streamNames({ instrument }: InstrumentState): StreamNames {
  const symbol = instrument.nativeCode.toLowerCase();
  const levels = [5, 10, 20];
  return {
    trade: `${symbol}@trade`,
    aggTrade: `${symbol}@aggTrade`,
    ticker: `${symbol}@ticker`,
    miniTicker: `${symbol}@miniTicker`,
    bookTicker: `${symbol}@bookTicker`,
    kline: `${symbol}@kline_1m`,
    depthFast: `${symbol}@depth@100ms`,
    depthSlow: `${symbol}@depth`,
    topFast: levels.map(count => [count, `${symbol}@depth${count}@100ms`] as const),
    topSlow: levels.map(count => [count, `${symbol}@depth${count}`] as const),
  };
}
