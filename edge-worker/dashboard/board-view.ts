import { compareDecimals, type Decimal } from '../../shared/model/decimal.ts';
import type { Ticker } from '../../shared/model/market-event.ts';
import { create, setAttribute, setText } from './dom.ts';
import { directionOf, groupDigits, type Language, NOTHING, percent, shortAmount } from './format.ts';
import { BOARD_EXCHANGES, BOARD_QUOTES, type BoardExchange, type BoardRow } from './price-board.ts';
import { TEXTS } from './texts.ts';

type PriceCell = {
  readonly cell: Element;
  readonly price: Element;
  readonly rate: Element;
  readonly volume: Element;
  last: Decimal | null;
};

type RowView = {
  readonly element: HTMLTableRowElement;
  readonly name: Element;
  readonly detail: Element;
  readonly prices: Readonly<Record<BoardExchange, PriceCell>>;
  readonly premiumCell: Element;
  readonly premium: Element;
  readonly bar: HTMLElement;
};

/** Said again, here and in every row: a table that is laid out as a grid loses its own roles in some browsers. */
const ROLES = [
  ['table', 'table'],
  ['thead, tbody', 'rowgroup'],
  ['tr', 'row'],
  ['th', 'columnheader'],
] as const;

/** A premium of this size fills the bar. */
const FULL_BAR = 0.05;

/** The rows of the price table. Writes only what differs from what is shown. */
export class BoardView {
  readonly #body: HTMLTableSectionElement;
  readonly #isOld: (ticker: Ticker) => boolean;
  readonly #rows = new Map<string, RowView>();
  #language: Language;

  constructor(body: HTMLTableSectionElement, language: Language, isOld: (ticker: Ticker) => boolean) {
    this.#body = body;
    this.#language = language;
    this.#isOld = isOld;
    for (const [selector, role] of ROLES) {
      for (const element of body.closest('table')?.parentElement?.querySelectorAll(selector) ?? [])
        element.setAttribute('role', role);
    }
  }

  setLanguage(language: Language): void {
    this.#language = language;
  }

  /** `isFlashing`: a price that differs from the shown one lights up in its direction. */
  draw(row: BoardRow, isPremiumOld: boolean, isFlashing: boolean): void {
    const view = this.#view(row.base);
    const { koreanName, englishName, base } = row;
    const isKorean = this.#language === 'ko';
    const name = (isKorean ? koreanName : englishName) ?? koreanName ?? englishName ?? base;
    const other = isKorean ? englishName : koreanName;
    setText(view.name, name);
    setText(view.detail, other === null || other === name || other === base ? base : `${base} · ${other}`);
    for (const exchange of BOARD_EXCHANGES) this.#drawPrice(view.prices[exchange], row.tickers[exchange], isFlashing);
    setText(view.premium, row.premium === null ? NOTHING : percent(row.premium));
    setAttribute(view.premium, 'data-direction', directionOf(row.premium));
    setAttribute(view.premiumCell, 'data-stale', isPremiumOld ? TEXTS[this.#language].old : null);
    const share = Math.min(1, Math.abs(Number(row.premium ?? 0)) / FULL_BAR);
    view.bar.style.setProperty('--share', share.toFixed(3));
    setAttribute(view.bar, 'data-direction', directionOf(row.premium));
  }

  /** Puts rows into this order and takes the others away; only what stands elsewhere is moved. */
  order(rows: readonly BoardRow[]): void {
    let next = this.#body.firstElementChild;
    for (const row of rows) {
      const { element } = this.#view(row.base);
      if (element === next) next = next.nextElementSibling;
      else this.#body.insertBefore(element, next);
    }
    while (next !== null) {
      const gone = next;
      next = next.nextElementSibling;
      gone.remove();
    }
  }

  #drawPrice(view: PriceCell, ticker: Ticker | undefined, isFlashing: boolean): void {
    const { cell, price, rate, volume } = view;
    const isOld = ticker !== undefined && this.#isOld(ticker);
    setAttribute(cell, 'data-stale', isOld ? TEXTS[this.#language].old : null);
    setText(price, ticker === undefined ? NOTHING : groupDigits(ticker.last));
    setText(rate, ticker?.changeRate == null ? '' : percent(ticker.changeRate));
    setAttribute(cell, 'data-direction', directionOf(ticker?.changeRate ?? null));
    setText(volume, ticker?.quoteVolume == null ? '' : shortAmount(ticker.quoteVolume, this.#language));
    const last = ticker?.last ?? null;
    if (isFlashing && last !== null && view.last !== null && last !== view.last)
      flash(price, compareDecimals(last, view.last));
    view.last = last;
  }

  #view(base: string): RowView {
    let view = this.#rows.get(base);
    if (view === undefined) {
      view = createRow(base);
      this.#rows.set(base, view);
    }
    return view;
  }
}

/** Two names of one animation take turns: a changed name starts it anew without asking for a layout. */
function flash(element: Element, sign: number): void {
  const turn = element.getAttribute('data-flash')?.endsWith('1') ? '2' : '1';
  element.setAttribute('data-flash', `${sign > 0 ? 'up' : 'down'}${turn}`);
}

function createRow(base: string): RowView {
  const name = create('span', { class: 'name', 'data-testid': 'name' });
  const detail = create('span', { class: 'detail' });
  const prices = Object.fromEntries(BOARD_EXCHANGES.map(exchange => [exchange, createPrice(base, exchange)])) as Record<
    BoardExchange,
    PriceCell
  >;
  const premium = create('span', { class: 'premium-rate', 'data-testid': `premium-${base}` });
  const bar = create('span', { class: 'premium-bar', 'aria-hidden': 'true' });
  const premiumCell = create('td', { role: 'cell', class: 'premium' }, premium, bar);
  const element = create(
    'tr',
    { role: 'row', 'data-testid': `row-${base}` },
    create('th', { role: 'rowheader', scope: 'row', class: 'asset' }, name, detail),
    ...BOARD_EXCHANGES.map(exchange => prices[exchange].cell),
    premiumCell,
  );
  return { element, name, detail, prices, premiumCell, premium, bar };
}

function createPrice(base: string, exchange: BoardExchange): PriceCell {
  const price = create('span', { class: 'last', 'data-testid': `price-${exchange}-${base}` });
  const rate = create('span', { class: 'rate', 'data-testid': `rate-${exchange}-${base}` });
  const volume = create('span', { class: 'volume', 'data-testid': `volume-${exchange}-${base}` });
  const attributes = { role: 'cell', class: 'price', 'data-exchange': exchange, 'data-quote': BOARD_QUOTES[exchange] };
  const cell = create('td', attributes, price, create('span', { class: 'sub' }, rate, volume));
  return { cell, price, rate, volume, last: null };
}
