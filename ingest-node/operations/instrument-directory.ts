import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';

/** What is known of every instrument: the newest market list of each exchange. */
export class InstrumentDirectory {
  readonly #byExchange = new Map<ExchangeName, readonly Instrument[]>();
  #version = 0;

  /** Grows with every change: names a state for caches. */
  get version(): number {
    return this.#version;
  }

  replace(exchange: ExchangeName, instruments: readonly Instrument[]): void {
    this.#byExchange.set(exchange, instruments);
    this.#version++;
  }

  /** Adds those whose native code is not listed yet. */
  add(exchange: ExchangeName, instruments: readonly Instrument[]): void {
    const listed = this.of(exchange);
    const known = new Set(listed.map(({ nativeCode }) => nativeCode));
    const added = instruments.filter(({ nativeCode }) => !known.has(nativeCode));
    if (added.length > 0) this.replace(exchange, [...listed, ...added]);
  }

  of(exchange: ExchangeName): readonly Instrument[] {
    return this.#byExchange.get(exchange) ?? [];
  }

  /** `null` as long as the exchange has not been heard of. */
  symbolsOf(exchange: ExchangeName): ReadonlySet<string> | null {
    const listed = this.#byExchange.get(exchange);
    return listed === undefined ? null : new Set(listed.map(({ symbol }) => symbol));
  }

  all(): Instrument[] {
    return [...this.#byExchange.values()].flat();
  }
}
