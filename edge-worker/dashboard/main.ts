/** The dashboard: one stream, drawn at most once per animation frame, and of that only what changed. */
import { ExchangeStream } from '../../shared/client/index.ts';
import { EXCHANGES, type ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { FeedState, Ticker } from '../../shared/model/market-event.ts';
import { BoardView } from './board-view.ts';
import { byId, setAttribute, setText } from './dom.ts';
import { isOld } from './feed-health.ts';
import { directionOf, groupDigits, NOTHING, percent } from './format.ts';
import { loadPreferences, savePreferences } from './preferences.ts';
import { BOARD_EXCHANGES, type BoardRow, PriceBoard, type Sorting } from './price-board.ts';
import { drawConnection, drawHealth } from './status-view.ts';
import { Tape } from './tape.ts';
import { TapeView } from './tape-view.ts';
import { isPageText, TEXTS } from './texts.ts';

const TAPE_LENGTH = 40;
/** How often figures that always move (lag, premiums after USDT) and the order of rows are drawn anew. */
const STATUS_EVERY_MS = 500;
const ORDER_EVERY_MS = 4_000;
const INSTRUMENTS_RETRY_MS = 10_000;

const preferences = loadPreferences(() => localStorage);
const board = new PriceBoard();
const tape = new Tape(TAPE_LENGTH);
const feeds = new Map<ExchangeName, FeedState[]>(BOARD_EXCHANGES.map(exchange => [exchange, []]));
const shown = new Set<ExchangeName>(EXCHANGES);

const search = byId('search', HTMLInputElement);
const sorting = byId('sort', HTMLSelectElement);
const pause = byId('tape-pause', HTMLButtonElement);
const boardView = new BoardView(byId('rows', HTMLTableSectionElement), preferences.language, ticker =>
  isOldPrice(ticker),
);
const tapeView = new TapeView(byId('trades', HTMLOListElement), TAPE_LENGTH, preferences.language);

let isFramePending = false;
let isOrderDue = true;
let isTapePaused = false;
let drawnRows = 0;

/** A service that asks for a token gets the one in the page's address. */
const token = new URLSearchParams(location.search).get('token');
const stream = new ExchangeStream({
  baseUrl: location.origin,
  cut: 'lite',
  filter: filterOf(shown),
  ...(token === null ? {} : { token }),
});

stream.on('ticker', ticker => {
  board.apply(ticker);
  requestDraw();
});
stream.on('trade', trade => {
  tape.push(trade);
  requestDraw();
});
stream.on('gap', gap => {
  tape.push(gap);
  requestDraw();
});
stream.on('feed', ({ exchange }) => {
  feeds.set(
    exchange,
    stream.latest.feeds().filter(feed => feed.exchange === exchange),
  );
  board.touchAll();
  requestDraw();
});
stream.on('snapshot', () => board.clear());
stream.on('state', () => drawConnection(stream, preferences.language));

search.addEventListener('input', reorder);
sorting.addEventListener('change', reorder);
pause.addEventListener('click', () => {
  isTapePaused = !isTapePaused;
  pause.setAttribute('aria-pressed', String(isTapePaused));
  drawTexts();
});
for (const exchange of BOARD_EXCHANGES) {
  const box = byId(`show-${exchange}`, HTMLInputElement);
  // A reloaded page may remember boxes that the page's own state does not.
  box.checked = true;
  box.addEventListener('change', () => show(exchange, box.checked));
}
byId('language', HTMLButtonElement).addEventListener('click', () => {
  preferences.language = preferences.language === 'ko' ? 'en' : 'ko';
  drawTexts();
});
byId('colors', HTMLButtonElement).addEventListener('click', () => {
  preferences.colors = preferences.colors === 'korean' ? 'global' : 'korean';
  drawTexts();
});

drawTexts();
void loadNames();
setInterval(() => {
  board.refreshPremiums();
  requestDraw();
}, STATUS_EVERY_MS);
setInterval(reorder, ORDER_EVERY_MS);

/** Changes the client's filter and nothing else: the connection stays. */
function show(exchange: ExchangeName, isShown: boolean): void {
  if (isShown) shown.add(exchange);
  else shown.delete(exchange);
  setAttribute(document.body, `data-hide-${exchange}`, isShown ? null : '');
  if (!isShown) board.clear([exchange]);
  stream.filter = filterOf(shown);
  reorder();
}

function filterOf(exchanges: ReadonlySet<ExchangeName>) {
  return { exchanges: [...exchanges], types: ['ticker', 'trade', 'feed', 'gap'] } as const;
}

function isOldPrice(ticker: Ticker): boolean {
  return isOld(ticker, feeds.get(ticker.exchange) ?? []);
}

/** A premium is as old as the oldest of its three prices. */
function isOldPremium({ premium, tickers: { upbit, binance } }: BoardRow): boolean {
  const prices = [upbit, binance, board.row('USDT')?.tickers.upbit];
  return premium !== null && prices.some(ticker => ticker !== undefined && isOldPrice(ticker));
}

function requestDraw(): void {
  if (isFramePending) return;
  isFramePending = true;
  requestAnimationFrame(draw);
}

function reorder(): void {
  isOrderDue = true;
  requestDraw();
}

function draw(): void {
  isFramePending = false;
  // The first drawing of a row shows where the market stands, not that it moved.
  for (const row of board.takeChanged()) boardView.draw(row, isOldPremium(row), drawnRows > 0);
  if (isOrderDue || board.size !== drawnRows) drawOrder();
  const entries = tape.take();
  if (!isTapePaused) tapeView.add(entries);
  drawSummary();
}

function drawOrder(): void {
  isOrderDue = false;
  drawnRows = board.size;
  const rows = board.arrange(search.value, sorting.value as Sorting);
  boardView.order(rows);
  setText(byId('count', HTMLElement), TEXTS[preferences.language].count(rows.length));
  byId('empty', HTMLElement).hidden = rows.length > 0;
  setText(byId('empty', HTMLElement), TEXTS[preferences.language].page[board.size === 0 ? 'connecting' : 'empty']);
  for (const exchange of BOARD_EXCHANGES) {
    const windows = board.changeWindows(exchange).map(window => TEXTS[preferences.language].changeWindow[window]);
    setText(byId(`window-${exchange}`, HTMLElement), windows.join(' / '));
  }
}

function drawSummary(): void {
  drawConnection(stream, preferences.language);
  for (const exchange of BOARD_EXCHANGES) {
    const known = stream.state.name === 'live' ? feeds.get(exchange) : undefined;
    drawHealth(exchange, known ?? [], shown.has(exchange), preferences.language);
  }
  const premium = board.row('BTC')?.premium ?? null;
  setText(byId('btc-premium', HTMLElement), premium === null ? NOTHING : percent(premium));
  setAttribute(byId('btc-premium', HTMLElement), 'data-direction', directionOf(premium));
  setText(byId('usdt-krw', HTMLElement), board.usdtKrw === null ? NOTHING : groupDigits(board.usdtKrw));
}

/** Every word in the chosen language, and the chosen colours. */
function drawTexts(): void {
  const { language, colors } = preferences;
  const { page, exchange: names, pause: pauseText, resume } = TEXTS[language];
  savePreferences(() => localStorage, preferences);
  document.documentElement.lang = language;
  document.documentElement.dataset['colors'] = colors;
  document.title = `${page.title} — ${page.subtitle}`;
  for (const element of document.querySelectorAll<HTMLElement>('[data-text]')) {
    const key = element.dataset['text'];
    if (isPageText(key)) setText(element, page[key]);
  }
  for (const element of document.querySelectorAll<HTMLElement>('[data-exchange-name]')) {
    setText(element, names[element.dataset['exchangeName'] as ExchangeName]);
  }
  search.placeholder = page.searchHint;
  setText(byId('colors', HTMLElement), colors === 'korean' ? page.colorsKorean : page.colorsGlobal);
  setText(byId('language', HTMLElement), language === 'ko' ? 'English' : '한국어');
  setText(pause, isTapePaused ? resume : pauseText);
  boardView.setLanguage(language);
  tapeView.setLanguage(language);
  board.touchAll();
  reorder();
}

/** Names are a comfort: without them the board shows symbols, and asks again. */
async function loadNames(): Promise<void> {
  try {
    const response = await fetch(`/api/instruments${token === null ? '' : `?token=${encodeURIComponent(token)}`}`);
    if (!response.ok) throw new Error(`/api/instruments answered ${response.status}`);
    const { instruments } = (await response.json()) as { instruments: readonly Instrument[] };
    board.setInstruments(instruments);
    reorder();
  } catch (error) {
    console.warn('names of coins are not available yet', error);
    setTimeout(loadNames, INSTRUMENTS_RETRY_MS);
  }
}
