import type { ExchangeName } from '../../../shared/model/exchange.ts';
import { type Instrument, symbolOf } from '../../../shared/model/instrument.ts';

/** An instrument for tests, as a market list without details would give it. */
export function testInstrument(exchange: ExchangeName, nativeCode: string, base: string, quote: string): Instrument {
  return {
    exchange,
    nativeCode,
    symbol: symbolOf(base, quote),
    base,
    quote,
    englishName: null,
    koreanName: null,
    tickSize: null,
    lotSize: null,
    status: 'trading',
    firstSeen: 0,
    lastSeen: 0,
  };
}
