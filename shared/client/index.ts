export type { Decimal } from '../model/decimal.ts';
export { EXCHANGES, type ExchangeName } from '../model/exchange.ts';
export type { Instrument } from '../model/instrument.ts';
export {
  type Candle,
  type ChangeWindow,
  EVENT_TYPES,
  type EventType,
  type FeedState,
  type FeedStateName,
  type Level,
  type MarketEvent,
  type OrderBook,
  type Quote,
  type TakerSide,
  type Ticker,
  type Trade,
  type TradeGap,
} from '../model/market-event.ts';
export type { EpochMillis } from '../model/time.ts';
export type { Cut, SnapshotReason } from '../wire/messages.ts';
export type { Position } from '../wire/position.ts';
export type { StreamState } from './connection-state.ts';
export type { Fetch } from './discovery.ts';
export type { Loss, StreamItem } from './event-queue.ts';
export {
  type EventBatch,
  ExchangeStream,
  type ExchangeStreamOptions,
  type StateSnapshot,
  type StreamCounters,
  type StreamEvents,
  type WebSocketClass,
} from './exchange-stream.ts';
export type { Filter } from './filter.ts';
export type { Lag } from './lag-meter.ts';
export type { StreamFault } from './listeners.ts';
export type { LatestView } from './market-view.ts';
