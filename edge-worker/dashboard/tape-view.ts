import { create, setAttribute, setText } from './dom.ts';
import { clockTime, groupDigits, type Language } from './format.ts';
import type { TapeEntry } from './tape.ts';
import { TEXTS } from './texts.ts';

type Line = { readonly element: HTMLLIElement; readonly cells: Readonly<Record<(typeof CELLS)[number], HTMLElement>> };

const CELLS = ['time', 'exchange', 'symbol', 'price', 'size'] as const;

/** The lines of the tape, newest first. Lines are used again: nothing is created once the tape is full. */
export class TapeView {
  readonly #list: HTMLOListElement;
  readonly #length: number;
  readonly #lines: Line[] = [];
  #language: Language;

  constructor(list: HTMLOListElement, length: number, language: Language) {
    this.#list = list;
    this.#length = length;
    this.#language = language;
  }

  /** Holds for what comes; the words of past lines stay. */
  setLanguage(language: Language): void {
    this.#language = language;
  }

  /** @param entries oldest first */
  add(entries: readonly TapeEntry[]): void {
    for (const entry of entries) {
      const line = this.#lines.length < this.#length ? createLine() : this.#lines.pop()!;
      this.#lines.unshift(line);
      this.#draw(line, entry);
      this.#list.prepend(line.element);
    }
  }

  clear(): void {
    this.#lines.length = 0;
    this.#list.replaceChildren();
  }

  #draw({ element, cells }: Line, entry: TapeEntry): void {
    const texts = TEXTS[this.#language];
    setText(cells.time, clockTime(entry.exchangeTime ?? entry.receivedTime));
    setText(cells.exchange, texts.exchange[entry.exchange]);
    setText(cells.symbol, entry.symbol);
    setText(cells.price, entry.type === 'trade' ? groupDigits(entry.price) : texts.gap);
    setText(cells.size, entry.type === 'trade' ? groupDigits(entry.size) : '');
    setAttribute(element, 'data-kind', entry.type);
    setAttribute(element, 'data-exchange', entry.exchange);
    setAttribute(element, 'data-side', entry.type === 'trade' ? entry.takerSide : null);
    setAttribute(element, 'data-late', entry.type === 'trade' && entry.backfilled ? texts.late : null);
  }
}

function createLine(): Line {
  const cells = Object.fromEntries(
    CELLS.map(name => [name, create('span', { class: `tape-${name}` })]),
  ) as Line['cells'];
  return { element: create('li', { 'data-testid': 'trade' }, ...CELLS.map(name => cells[name])), cells };
}
