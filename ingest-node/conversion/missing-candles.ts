/**
 * Of which minutes an outage may have swallowed the candle, per instrument. Pure memory: what is missing is fetched by
 * `candle-backfill.ts`.
 *
 * An outage begins when the feed was last heard, and a little before, since an exchange may tell a candle seconds late. It
 * swallows no minute that is closed already, nor the one in which the feed delivers again, which frames say anew as a whole.
 */
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Candle } from '../../shared/model/market-event.ts';
import { type EpochMillis, MINUTE_MS } from '../../shared/model/time.ts';
import { InstrumentMap } from './instrument-map.ts';

/** The minutes of one instrument that open from one time on and before another. */
export type MissingMinutes = {
  readonly exchange: ExchangeName;
  readonly symbol: string;
  readonly from: EpochMillis;
  readonly until: EpochMillis;
};

/** Longer than any exchange takes to tell a candle. */
const TOLD_WITHIN_MS = 5_000;

type Outage = {
  from: EpochMillis;
  /** Opening times of minutes since then that were closed all the same. */
  readonly closed: Set<EpochMillis>;
  /** Whether a feed was interrupted since the missing minutes were asked for last. */
  isGoingOn: boolean;
};

export class MissingCandles {
  readonly #outages = new InstrumentMap<Outage>();

  /**
   * @param heardUntil how far its feed had told what happened; infinitely little where it never had
   * @param over opening time of its newest minute that is closed
   */
  interrupt(exchange: ExchangeName, symbol: string, heardUntil: EpochMillis, over: EpochMillis): void {
    const outage = this.#outages.get({ exchange, symbol });
    const toldUntil = Math.floor((heardUntil - TOLD_WITHIN_MS) / MINUTE_MS) * MINUTE_MS;
    if (outage !== undefined) {
      outage.isGoingOn = true;
      outage.from = Math.min(outage.from, Math.max(toldUntil, over + MINUTE_MS));
    } else if (Number.isFinite(heardUntil)) {
      const from = Math.max(toldUntil, over + MINUTE_MS);
      this.#outages.set({ exchange, symbol }, { from, closed: new Set(), isGoingOn: true });
    }
  }

  /** It was published as closed. */
  close(candle: Candle): void {
    this.#outages.get(candle)?.closed.add(candle.openTime);
  }

  /** A feed delivers this one again: what it missed until now, to be settled; `null` where that is nothing. */
  ask(exchange: ExchangeName, symbol: string, now: EpochMillis): MissingMinutes | null {
    const outage = this.#outages.get({ exchange, symbol });
    if (outage === undefined) return null;
    const until = Math.floor(now / MINUTE_MS) * MINUTE_MS;
    outage.isGoingOn = false;
    for (let minute = outage.from; minute < until; minute += MINUTE_MS) {
      if (!outage.closed.has(minute)) return { exchange, symbol, from: minute, until };
    }
    this.#outages.delete({ exchange, symbol });
    return null;
  }

  /** Which of the candles of past minutes are to be published, and those minutes are not missing any more. */
  settle({ exchange, symbol, until }: MissingMinutes, past: readonly Candle[]): Candle[] {
    const outage = this.#outages.get({ exchange, symbol });
    if (outage === undefined) return [];
    const missed = past.filter(
      ({ openTime }) => openTime >= outage.from && openTime < until && !outage.closed.has(openTime),
    );
    if (!outage.isGoingOn) this.#outages.delete({ exchange, symbol });
    outage.from = until;
    for (const openTime of outage.closed) if (openTime < until) outage.closed.delete(openTime);
    return missed;
  }

  clear(): void {
    this.#outages.clear();
  }
}
