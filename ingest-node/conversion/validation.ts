/**
 * The rules of the standardized model that types cannot say. Adapters keep them by construction; this is the second
 * opinion, independent of how they do it, for tests and for whoever makes events by other means.
 */
import { isExchangeName } from '../../shared/model/exchange.ts';
import { EVENT_TYPES, type Level, type MarketEvent } from '../../shared/model/market-event.ts';

const CANONICAL_DECIMAL = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?$/;
const SYMBOL = /^[^\s/]+\/[^\s/]+$/u;
const EARLIEST = Date.UTC(2000, 0, 1);
const END = Date.UTC(2100, 0, 1);

/** What is wrong with an event, in a few words; `null` for a valid one. */
export function findModelViolation(event: MarketEvent): string | null {
  if (!EVENT_TYPES.includes(event.type)) return 'type';
  if (!Number.isSafeInteger(event.offset) || event.offset < 0) return 'offset';
  if (!isExchangeName(event.exchange)) return 'exchange';
  if (!isTime(event.receivedTime)) return 'receivedTime';
  if (event.exchangeTime !== null && !isTime(event.exchangeTime)) return 'exchangeTime';
  if (event.type === 'feed') return null;
  if (!SYMBOL.test(event.symbol)) return 'symbol';
  switch (event.type) {
    case 'trade':
      if (!/^[0-9]{1,64}$/.test(event.id)) return 'id';
      if (!isPositive(event.price)) return 'price';
      if (!isPositive(event.size)) return 'size';
      if (!['buy', 'sell', 'unknown'].includes(event.takerSide)) return 'takerSide';
      return event.backfilled === undefined || event.backfilled === true ? null : 'backfilled';
    case 'ticker':
      if (!isPositive(event.last)) return 'last';
      for (const key of ['open', 'high', 'low'] as const) {
        if (event[key] !== null && !isPositive(event[key])) return key;
      }
      for (const key of ['volume', 'quoteVolume'] as const) {
        if (event[key] !== null && !isAmount(event[key])) return key;
      }
      for (const key of ['change', 'changeRate'] as const) {
        if (event[key] !== null && !isDecimal(event[key])) return key;
      }
      return ['rolling24h', 'dayUtc', 'dayKst'].includes(event.changeWindow) ? null : 'changeWindow';
    case 'quote':
      if ((event.bid === null) !== (event.bidSize === null)) return 'half a bid';
      if ((event.ask === null) !== (event.askSize === null)) return 'half an ask';
      for (const key of ['bid', 'bidSize', 'ask', 'askSize'] as const) {
        if (event[key] !== null && !isPositive(event[key])) return key;
      }
      return event.bid !== null && event.ask !== null && !isBelow(event.bid, event.ask) ? 'crossed' : null;
    case 'orderBook': {
      if (event.sequence !== undefined && !/^[0-9]{1,64}$/.test(event.sequence)) return 'sequence';
      const levelFault = findLevelViolation(event.bids, event.asks);
      if (levelFault !== null) return levelFault;
      const [bid, ask] = [event.bids[0], event.asks[0]];
      return bid !== undefined && ask !== undefined && !isBelow(bid[0], ask[0]) ? 'crossed' : null;
    }
    case 'candle':
      if (!isTime(event.openTime) || event.openTime % 60_000 !== 0) return 'openTime';
      for (const key of ['open', 'high', 'low', 'close'] as const) if (!isPositive(event[key])) return key;
      for (const key of ['open', 'low', 'close'] as const) if (isBelow(event.high, event[key])) return 'high';
      for (const key of ['open', 'close'] as const) if (isBelow(event[key], event.low)) return 'low';
      if (event.closed !== true && event.closed !== false) return 'closed';
      return isAmount(event.volume) && (event.quoteVolume === null || isAmount(event.quoteVolume)) ? null : 'volume';
    case 'gap':
      return null;
  }
}

function findLevelViolation(bids: readonly Level[], asks: readonly Level[]): string | null {
  if (bids.length > 15 || asks.length > 15) return 'more than 15 levels';
  for (const [price, size] of [...bids, ...asks]) if (!isPositive(price) || !isPositive(size)) return 'level';
  for (let i = 1; i < bids.length; i += 1) if (!isBelow(bids[i]![0], bids[i - 1]![0])) return 'bids out of order';
  for (let i = 1; i < asks.length; i += 1) if (!isBelow(asks[i - 1]![0], asks[i]![0])) return 'asks out of order';
  return null;
}

/** A time of this century, exact to the microsecond and no finer. */
function isTime(value: number): boolean {
  return Number.isFinite(value) && value >= EARLIEST && value < END;
}

function isDecimal(text: string): boolean {
  return typeof text === 'string' && text !== '-0' && CANONICAL_DECIMAL.test(text);
}

function isAmount(text: string): boolean {
  return isDecimal(text) && !text.startsWith('-');
}

function isPositive(text: string): boolean {
  return isAmount(text) && text !== '0';
}

/** Compares two positive decimals by their scaled integers, not by the way the adapters compare them. */
function isBelow(a: string, b: string): boolean {
  const scale = Math.max(fractionOf(a).length, fractionOf(b).length);
  return scaled(a, scale) < scaled(b, scale);
}

function fractionOf(text: string): string {
  return text.split('.')[1] ?? '';
}

function scaled(text: string, scale: number): bigint {
  return BigInt((text.split('.')[0] ?? '') + fractionOf(text).padEnd(scale, '0'));
}
