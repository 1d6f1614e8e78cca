import type { Decimal } from './decimal.ts';
import type { ExchangeName } from './exchange.ts';
import type { EpochMillis } from './time.ts';

/** One thing that trades at one exchange, as its market list describes it. */
export type Instrument = {
  readonly exchange: ExchangeName;
  /** Their text: `KRW-BTC`, `BTCUSDT`. */
  readonly nativeCode: string;
  /** Our text, always `BASE/QUOTE`: `BTC/KRW`. */
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  /** `null` where the exchange gives no name in that language. */
  readonly englishName: string | null;
  readonly koreanName: string | null;
  /** Smallest price step, in quote currency; `null` where it is not published or depends on the price. */
  readonly tickSize: Decimal | null;
  /** Smallest size step, in base currency. */
  readonly lotSize: Decimal | null;
  readonly status: InstrumentStatus;
  /** When this service first and last saw it listed. */
  readonly firstSeen: EpochMillis;
  readonly lastSeen: EpochMillis;
};

/** `halted`: listed, but not trading at the moment. */
export type InstrumentStatus = 'trading' | 'halted' | 'delisted';

/** The canonical symbol. Currency codes are upper case as every exchange we carry writes them. */
export function symbolOf(base: string, quote: string): string {
  return `${base}/${quote}`;
}
