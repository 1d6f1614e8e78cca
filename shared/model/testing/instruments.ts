import type { ExchangeName } from '../exchange.ts';
import { type Instrument, symbolOf } from '../instrument.ts';

/** An instrument for tests, as a market list without details would give it. */
export function testInstrument(
  exchange: ExchangeName,
  nativeCode: string,
  base: string,
  quote: string,
  details: Partial<Instrument> = {},
): Instrument {
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
    ...details,
  };
}
