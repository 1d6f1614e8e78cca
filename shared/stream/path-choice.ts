import { type Backoff, fullJitterMs } from '../base/backoff.ts';

/** After so many holes at one position on every path, nobody has what is missing. */
const HOLE_ROUNDS = 4;

/** Wide enough to spare the next server a burst, and nobody sees a price board stand still for so long. */
const MOVE_SPREAD_MS = 50;

/**
 * Which of several paths is next, and after what wait. Paths are numbers, in order of preference; what is remembered of
 * them is forgotten when the consumer moves on, but for who does not want us.
 */
export class PathChoice {
  readonly #count: number;
  readonly #backoff: Backoff;
  readonly #random: () => number;
  /** Attempts since a path last served. */
  #attempt = 0;
  /** Holes since the consumer last moved. */
  #holes = 0;
  /** Paths that do not want us back as we are. */
  readonly #refused = new Set<number>();
  /** Paths that have failed, or do not remember our position, since one last served. */
  readonly #tried = new Set<number>();

  constructor(count: number, backoff: Backoff, random: () => number) {
    this.#count = count;
    this.#backoff = backoff;
    this.#random = random;
  }

  reset(): void {
    this.moved();
    this.#refused.clear();
  }

  /** The consumer has more than before. */
  moved(): void {
    this.served();
    this.#holes = 0;
  }

  /** A path continues where the consumer is: it works, though what comes next may still be missing. */
  served(): void {
    this.#attempt = 0;
    this.#tried.clear();
  }

  refused(path: number): void {
    this.#refused.add(path);
  }

  tried(path: number): void {
    this.#tried.add(path);
  }

  hole(): void {
    this.#holes++;
  }

  /** Every path keeps showing a hole at this position: only beginning anew helps, and is declared as a loss. */
  get isUnhealable(): boolean {
    return this.#holes >= HOLE_ROUNDS * this.#count;
  }

  /** The others that have not refused us, in turn from this one. */
  othersThan(path: number): number[] {
    const others = Array.from({ length: this.#count - 1 }, (_, step) => (path + 1 + step) % this.#count);
    return others.filter(other => !this.#refused.has(other));
  }

  hasUntriedBeside(path: number): boolean {
    return this.othersThan(path).some(other => !this.#tried.has(other));
  }

  /** After a path has ended: itself if it had served, else another; `null` when nobody is left. */
  after(path: number, hasServed: boolean): number | null {
    const [other] = this.othersThan(path);
    const mayReturn = !this.#refused.has(path);
    return mayReturn && (hasServed || other === undefined) ? path : (other ?? null);
  }

  /** Before moving to another server because this one says that it leaves: all its readers move at once. */
  moveWaitMs(): number {
    return MOVE_SPREAD_MS * this.#random();
  }

  /** The first attempt after a path that worked is nearly immediate; a round over all of them doubles the wait. */
  nextWaitMs(): number {
    return fullJitterMs(Math.floor(this.#attempt++ / this.#count), this.#backoff, this.#random);
  }
}
