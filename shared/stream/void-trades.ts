import { isFetchedId } from '../model/id.ts';
import type { Trade } from '../model/market-event.ts';

/** Void trades that say the same and whose ids are of one kind. */
type Equals = {
  readonly content: string;
  /** When some were repeated under other ids, nobody can say which: all ids stay until as many have come. */
  readonly ids: Set<string>;
  /** How many of them have not come again. */
  left: number;
};

/**
 * Trades that were delivered and are void: no successor knows them, so each may be published once more (rule TRD1). A
 * trade that comes repeats one of them
 * - when it has the same id;
 * - or, of an exchange whose REST list numbers trades otherwise than its socket, when it is backfilled and says the same as
 *   one whose id is of the other kind.
 *
 * Each answers for one trade only: of two equal fills, one delivered and one not, the second passes.
 */
export class VoidTrades {
  readonly #most: number;
  readonly #byId = new Map<string, Equals>();
  readonly #byContent = new Map<string, Equals>();
  #size = 0;

  /** Beyond `most` no more are held: they are delivered twice rather than without bound. */
  constructor(most: number) {
    this.#most = most;
  }

  /** How many have not come again. */
  get size(): number {
    return this.#size;
  }

  add(trade: Trade): void {
    if (this.#size >= this.#most) return;
    const content = contentOf(trade, isFetchedId(trade.id));
    let equals = this.#byContent.get(content);
    if (equals === undefined) {
      equals = { content, ids: new Set(), left: 0 };
      this.#byContent.set(content, equals);
    }
    const id = idOf(trade);
    equals.ids.add(id);
    equals.left++;
    this.#byId.set(id, equals);
    this.#size++;
  }

  /** Whether a trade repeats one of these, which then answers for no other. */
  take(trade: Trade): boolean {
    const id = idOf(trade);
    const equals = this.#byId.get(id);
    if (equals !== undefined) {
      equals.ids.delete(id);
      this.#byId.delete(id);
      this.#came(equals);
      return true;
    }
    if (trade.backfilled !== true) return false;
    const others = this.#byContent.get(contentOf(trade, !isFetchedId(trade.id)));
    if (others !== undefined) this.#came(others);
    return others !== undefined;
  }

  clear(): void {
    this.#byId.clear();
    this.#byContent.clear();
    this.#size = 0;
  }

  #came(equals: Equals): void {
    this.#size--;
    equals.left--;
    if (equals.left > 0) return;
    for (const id of equals.ids) this.#byId.delete(id);
    this.#byContent.delete(equals.content);
  }
}

function idOf({ exchange, symbol, id }: Trade): string {
  return `${exchange} ${symbol} ${id}`;
}

/** What a trade says, for one kind of id. */
function contentOf({ exchange, symbol, exchangeTime, price, size, takerSide }: Trade, isFetched: boolean): string {
  return `${isFetched} ${exchange} ${symbol} ${exchangeTime} ${price} ${size} ${takerSide}`;
}
