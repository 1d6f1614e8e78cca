import type { IdSet } from './id-set.ts';

/** Ids of any kind, as texts: about a hundred bytes each. */
export class IdTexts implements IdSet {
  readonly #ids = new Set<string>();

  get size(): number {
    return this.#ids.size;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): boolean {
    const before = this.#ids.size;
    return this.#ids.add(id).size > before;
  }

  copyLast(most: number, into: IdTexts): void {
    let before = this.#ids.size - most;
    for (const id of this.#ids) {
      before -= 1;
      if (before < 0) into.add(id);
    }
  }
}
