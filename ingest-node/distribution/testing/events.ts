import type { Quote, Trade } from '../../../shared/model/market-event.ts';

/** Events for tests: as the converter hands them over, not sealed yet. */
export function aTrade(id: number, symbol = 'BTC/KRW'): Trade {
  return {
    type: 'trade',
    offset: 0,
    exchange: 'upbit',
    symbol,
    exchangeTime: 1_790_000_000_000 + id,
    receivedTime: 1_790_000_000_001 + id,
    id: String(17_900_000_000_000_000n + BigInt(id)),
    price: '91234000',
    size: '0.00021931',
    takerSide: 'buy',
  };
}

export function aQuote(bid: number, symbol = 'BTC/KRW'): Quote {
  return {
    type: 'quote',
    offset: 0,
    exchange: 'upbit',
    symbol,
    exchangeTime: 1_790_000_000_000,
    receivedTime: 1_790_000_000_001,
    bid: String(bid),
    bidSize: '1',
    ask: String(bid + 1000),
    askSize: '2',
  };
}
