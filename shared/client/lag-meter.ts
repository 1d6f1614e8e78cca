import type { MarketEvent } from '../model/market-event.ts';

/** How old events are when they arrive here, in milliseconds: the median of the recent ones, `null` without any. */
export type Lag = {
  /** From our server's receipt of the exchange's bytes until now. */
  readonly sinceReceivedMs: number | null;
  /** From the exchange's own time until now. */
  readonly sinceExchangeMs: number | null;
};

const SAMPLES = 256;
/** A figure from a market that fell silent says nothing about the present. */
const RECENT_MS = 10_000;

/**
 * Measures with the viewer's clock against other clocks, so the figures carry those clocks' difference and may be below
 * zero. Backfilled trades are left out: they are late by nature.
 */
export class LagMeter {
  readonly #received = new Samples();
  readonly #exchange = new Samples();

  add(event: MarketEvent, now: number): void {
    if (event.type === 'feed' || event.type === 'gap' || (event.type === 'trade' && event.backfilled)) return;
    this.#received.add(now - event.receivedTime, now);
    if (event.exchangeTime !== null) this.#exchange.add(now - event.exchangeTime, now);
  }

  read(now: number): Lag {
    return { sinceReceivedMs: this.#received.median(now), sinceExchangeMs: this.#exchange.median(now) };
  }
}

class Samples {
  readonly #values = new Float64Array(SAMPLES);
  readonly #times = new Float64Array(SAMPLES).fill(Number.NEGATIVE_INFINITY);
  #next = 0;

  add(value: number, now: number): void {
    this.#values[this.#next] = value;
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % SAMPLES;
  }

  median(now: number): number | null {
    const recent = this.#values.filter((_, index) => now - this.#times[index]! <= RECENT_MS).sort();
    return recent[recent.length >> 1] ?? null;
  }
}
