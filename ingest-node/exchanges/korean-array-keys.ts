/**
 * The reader of the Korean array protocol's frames and the keys that we read, in both spellings.
 * https://docs.upbit.com/kr/reference/websocket-trade, …/websocket-ticker, …/websocket-orderbook,
 * …/websocket-candle
 */
import { type FrameKey, FrameReader, keySetOf } from '../conversion/frame-reader.ts';

const frame = new FrameReader();

/** What frames without data are told by. */
const CONTROL_KEYS = frame.keys({
  error: 'error',
  name: 'name',
  message: 'message',
  status: 'status',
  method: 'method',
  shortMethod: 'mthd',
  result: 'result',
  shortResult: 'rslt',
  oldAnswer: 'resmsg',
  oldContent: 'content',
});

const DEFAULT_SPELLING = {
  type: 'type',
  code: 'code',
  streamType: 'stream_type',
  timestamp: 'timestamp',
  tradePrice: 'trade_price',
  tradeVolume: 'trade_volume',
  tradeTimestamp: 'trade_timestamp',
  askBid: 'ask_bid',
  sequentialId: 'sequential_id',
  openingPrice: 'opening_price',
  highPrice: 'high_price',
  lowPrice: 'low_price',
  volume24h: 'acc_trade_volume_24h',
  quoteVolume24h: 'acc_trade_price_24h',
  signedChangePrice: 'signed_change_price',
  signedChangeRate: 'signed_change_rate',
  units: 'orderbook_units',
  askPrice: 'ask_price',
  askSize: 'ask_size',
  bidPrice: 'bid_price',
  bidSize: 'bid_size',
  candleTimeUtc: 'candle_date_time_utc',
  candleVolume: 'candle_acc_trade_volume',
  candleQuoteVolume: 'candle_acc_trade_price',
};

type Field = keyof typeof DEFAULT_SPELLING;

/** Bithumb documents these for its book; that its trade and ticker use Upbit's is an assumption. */
const SIMPLE_SPELLING: Readonly<Record<Field, string>> = {
  type: 'ty',
  code: 'cd',
  streamType: 'st',
  timestamp: 'tms',
  tradePrice: 'tp',
  tradeVolume: 'tv',
  tradeTimestamp: 'ttms',
  askBid: 'ab',
  sequentialId: 'sid',
  openingPrice: 'op',
  highPrice: 'hp',
  lowPrice: 'lp',
  volume24h: 'atv24h',
  quoteVolume24h: 'atp24h',
  signedChangePrice: 'scp',
  signedChangeRate: 'scr',
  units: 'obu',
  askPrice: 'ap',
  askSize: 'as',
  bidPrice: 'bp',
  bidSize: 'bs',
  candleTimeUtc: 'cdttmu',
  candleVolume: 'catv',
  candleQuoteVolume: 'catp',
};

export type Keys = Readonly<Record<Field, FrameKey>>;

/** To be taken apart where it is imported: local names are quicker than imported ones. */
export const koreanFrame = {
  frame,
  DEFAULT_KEYS: frame.keys(DEFAULT_SPELLING) as Keys,
  SIMPLE_KEYS: frame.keys(SIMPLE_SPELLING) as Keys,
  CONTROL_KEYS,
  ANY_CONTROL_KEY: keySetOf(CONTROL_KEYS),
};
