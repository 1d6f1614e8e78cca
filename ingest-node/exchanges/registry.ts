import type { ExchangeName } from '../../shared/model/exchange.ts';
import { binance } from './binance.ts';
import { bithumb } from './bithumb.ts';
import { coinone } from './coinone.ts';
import type { ExchangeAdapter } from './exchange-adapter.ts';
import { upbit } from './upbit.ts';

/** Every exchange we carry. A name without an adapter does not compile. */
export const EXCHANGE_ADAPTERS = { binance, upbit, bithumb, coinone } satisfies Record<ExchangeName, ExchangeAdapter>;
