import type { ExchangeName } from '../../../shared/model/exchange.ts';
import type { Candle } from '../../../shared/model/market-event.ts';
import { MINUTE_MS } from '../../../shared/model/time.ts';
import type { Simulator } from '../../exchange-simulator/simulator.ts';

export const CANDLE_FIELDS = ['open', 'high', 'low', 'close', 'volume', 'quoteVolume'] as const;

type TrueCandle = Pick<Candle, (typeof CANDLE_FIELDS)[number]>;
type TrueTrade = ReturnType<Simulator['truth']['trades']>[number];

/** By symbol: what really traded in one minute, from the simulator's trades and in whole numbers. */
export function trueCandles(simulator: Simulator, exchange: ExchangeName, openTime: number): Map<string, TrueCandle> {
  const bySymbol = Object.groupBy(
    simulator.truth.trades(exchange).filter(({ exchangeTime: time }) => time - (time % MINUTE_MS) === openTime),
    ({ symbol }) => symbol,
  );
  return new Map(Object.entries(bySymbol).map(([symbol, trades]) => [symbol, candleOf(trades ?? [])]));
}

function candleOf(trades: readonly TrueTrade[]): TrueCandle {
  const ordered = trades.map(({ price }) => price).sort((a, b) => (units(a) < units(b) ? -1 : 1));
  return {
    open: trades[0]!.price,
    high: ordered.at(-1)!,
    low: ordered[0]!,
    close: trades.at(-1)!.price,
    volume: textOf(trades.reduce((sum, { size }) => sum + units(size) * units('1'), 0n)),
    quoteVolume: textOf(trades.reduce((sum, { size, price }) => sum + units(size) * units(price), 0n)),
  };
}

/** In units of 10^-12. */
function units(text: string): bigint {
  const [integer = '', fraction = ''] = text.split('.');
  return BigInt(integer + fraction.padEnd(12, '0'));
}

/** Of a product of two numbers of {@link units}. */
function textOf(product: bigint): string {
  const digits = product.toString().padStart(25, '0');
  return `${digits.slice(0, -24)}.${digits.slice(-24)}`.replace(/\.?0+$/, '');
}
