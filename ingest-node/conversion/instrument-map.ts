import type { ExchangeName } from '../../shared/model/exchange.ts';

/** The instrument that an event is about: a symbol is the same at every exchange. */
type OfInstrument = { readonly exchange: ExchangeName; readonly symbol: string };

/** One value per instrument, without making a key out of exchange and symbol for each event. */
export class InstrumentMap<Value> {
  readonly #byExchange = new Map<ExchangeName, Map<string, Value>>();

  get({ exchange, symbol }: OfInstrument): Value | undefined {
    return this.#byExchange.get(exchange)?.get(symbol);
  }

  set({ exchange, symbol }: OfInstrument, value: Value): void {
    let bySymbol = this.#byExchange.get(exchange);
    if (bySymbol === undefined) {
      bySymbol = new Map();
      this.#byExchange.set(exchange, bySymbol);
    }
    bySymbol.set(symbol, value);
  }

  delete({ exchange, symbol }: OfInstrument): void {
    this.#byExchange.get(exchange)?.delete(symbol);
  }

  clear(): void {
    this.#byExchange.clear();
  }
}
