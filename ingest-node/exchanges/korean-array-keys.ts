/**
 * The keys of the Korean array protocol that we read, in both spellings.
 * https://docs.upbit.com/kr/reference/websocket-trade, …/websocket-ticker, …/websocket-orderbook
 */
export const DEFAULT_KEYS = {
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
} as const;

export type KeySpelling = { readonly [Field in keyof typeof DEFAULT_KEYS]: string };

/** Bithumb documents these for its book; that its trade and ticker use Upbit's is an assumption. */
export const SIMPLE_KEYS: KeySpelling = {
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
};
