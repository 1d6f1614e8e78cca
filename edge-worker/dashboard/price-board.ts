import type { Decimal } from '../../shared/model/decimal.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import { type Instrument, symbolOf } from '../../shared/model/instrument.ts';
import type { ChangeWindow, Ticker } from '../../shared/model/market-event.ts';
import { kimchiPremium } from './premium.ts';
import { isMeant } from './search.ts';

/**
 * The exchanges that have a column, in their order, and the currency that the board shows of each. Others are left to
 * the tape.
 */
export const BOARD_QUOTES = { upbit: 'KRW', bithumb: 'KRW', binance: 'USDT' } as const satisfies Partial<
  Record<ExchangeName, string>
>;

export type BoardExchange = keyof typeof BOARD_QUOTES;

export const BOARD_EXCHANGES = Object.keys(BOARD_QUOTES) as BoardExchange[];

export type BoardRow = {
  readonly base: string;
  koreanName: string | null;
  englishName: string | null;
  readonly tickers: Partial<Record<ExchangeName, Ticker>>;
  /** Signed fraction; `null` when it cannot be known. */
  premium: Decimal | null;
};

export type Sorting = 'volume' | 'premium' | 'change' | 'name';

const TETHER = 'USDT';

/**
 * One row per base asset with the prices of three exchanges side by side. Remembers which rows changed, so that a page
 * draws those and nothing else.
 */
export class PriceBoard {
  readonly #rows = new Map<string, BoardRow>();
  readonly #changed = new Set<BoardRow>();
  #names = new Map<string, { korean: string | null; english: string | null }>();

  get size(): number {
    return this.#rows.size;
  }

  /** Price of one USDT in KRW; `null` while unknown. */
  get usdtKrw(): Decimal | null {
    return this.#rows.get(TETHER)?.tickers.upbit?.last ?? null;
  }

  row(base: string): BoardRow | null {
    return this.#rows.get(base) ?? null;
  }

  /** Takes a newer ticker. Exchanges without a column and markets in other currencies have no place on the board. */
  apply(ticker: Ticker): void {
    const base = baseOf(ticker);
    if (base === null) return;
    const row = this.#rows.get(base) ?? this.#newRow(base);
    row.tickers[ticker.exchange] = ticker;
    row.premium = this.#premiumOf(row);
    this.#changed.add(row);
  }

  /** Recomputes what hangs on the price of USDT. Costs a division per row: the page asks now and then, not per event. */
  refreshPremiums(): void {
    for (const row of this.#rows.values()) {
      const premium = this.#premiumOf(row);
      if (premium === row.premium) continue;
      row.premium = premium;
      this.#changed.add(row);
    }
  }

  setInstruments(instruments: readonly Instrument[]): void {
    this.#names = namesOf(instruments);
    for (const row of this.#rows.values()) {
      Object.assign(row, this.#named(row.base));
      this.#changed.add(row);
    }
  }

  /** Forgets what one exchange said, or all of them: rows stay, so that nothing jumps while new state comes in. */
  clear(exchanges: readonly ExchangeName[] = BOARD_EXCHANGES): void {
    for (const row of this.#rows.values()) {
      for (const exchange of exchanges) delete row.tickers[exchange];
      row.premium = this.#premiumOf(row);
      this.#changed.add(row);
    }
  }

  /** Something outside a row decides how it looks: all rows are to be drawn again. */
  touchAll(): void {
    for (const row of this.#rows.values()) this.#changed.add(row);
  }

  /** The rows that changed since this was asked last. */
  takeChanged(): BoardRow[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  /** Which rule each exchange uses for its change rate, as its tickers say. */
  changeWindows(exchange: ExchangeName): ChangeWindow[] {
    const windows = new Set<ChangeWindow>();
    for (const { tickers } of this.#rows.values()) {
      const ticker = tickers[exchange];
      if (ticker !== undefined) windows.add(ticker.changeWindow);
    }
    return [...windows];
  }

  /** Rows that are meant by the search and have a price, in order. */
  arrange(search: string, sorting: Sorting): BoardRow[] {
    const rows = [...this.#rows.values()].filter(row => hasPrice(row) && isMeant(row, search));
    const weights = new Map(rows.map(row => [row, weightOf(row, sorting, Number(this.usdtKrw ?? 0))]));
    return rows.sort((a, b) => weights.get(b)! - weights.get(a)! || (a.base < b.base ? -1 : 1));
  }

  #newRow(base: string): BoardRow {
    const row: BoardRow = { base, ...this.#named(base), tickers: {}, premium: null };
    this.#rows.set(base, row);
    return row;
  }

  #named(base: string): Pick<BoardRow, 'koreanName' | 'englishName'> {
    const names = this.#names.get(base);
    return { koreanName: names?.korean ?? null, englishName: names?.english ?? null };
  }

  #premiumOf({ base, tickers }: BoardRow): Decimal | null {
    if (base === TETHER) return null;
    return kimchiPremium(tickers.upbit?.last ?? null, tickers.binance?.last ?? null, this.usdtKrw);
  }
}

function baseOf({ exchange, symbol }: Ticker): string | null {
  const base = symbol.slice(0, symbol.indexOf('/'));
  return hasColumn(exchange) && symbol === symbolOf(base, BOARD_QUOTES[exchange]) ? base : null;
}

function hasColumn(exchange: ExchangeName): exchange is BoardExchange {
  return exchange in BOARD_QUOTES;
}

/** Korean exchanges come first in {@link BOARD_EXCHANGES}: theirs are the names people here know. */
function namesOf(instruments: readonly Instrument[]): Map<string, { korean: string | null; english: string | null }> {
  const names = new Map<string, { korean: string | null; english: string | null }>();
  for (const exchange of BOARD_EXCHANGES) {
    for (const instrument of instruments) {
      if (instrument.exchange !== exchange) continue;
      const known = names.get(instrument.base);
      const korean = known?.korean ?? instrument.koreanName;
      names.set(instrument.base, { korean, english: known?.english ?? instrument.englishName });
    }
  }
  return names;
}

function hasPrice({ tickers }: BoardRow): boolean {
  return BOARD_EXCHANGES.some(exchange => tickers[exchange] !== undefined);
}

/** Only ever compared, never shown: here doubles are exact enough. Unknown goes last. */
function weightOf({ tickers, premium }: BoardRow, sorting: Sorting, usdtKrw: number): number {
  switch (sorting) {
    case 'name':
      return 0;
    case 'premium':
      return premium === null ? Number.NEGATIVE_INFINITY : Number(premium);
    case 'change':
      // One exchange alone: the others measure from another time of day.
      return Number(tickers.upbit?.changeRate ?? Number.NEGATIVE_INFINITY);
    case 'volume': {
      const krw = Number(tickers.upbit?.quoteVolume ?? 0) + Number(tickers.bithumb?.quoteVolume ?? 0);
      return krw + Number(tickers.binance?.quoteVolume ?? 0) * (usdtKrw || 1_000);
    }
  }
}
