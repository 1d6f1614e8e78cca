import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { machineNow } from './machine-clock.ts';

const ASK_EVERY_MS = 5;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/**
 * How long this process itself was deaf: it keeps all that its clients hear, and while its garbage is collected they hear
 * nothing. That is no silence of those they listen to.
 */
export class OwnStalls {
  #worstMs = 0;
  #last = machineNow();
  readonly #timer = setInterval(() => this.#look(), ASK_EVERY_MS);

  /** Collects now, so that it need not be done while somebody listens, and counts anew. */
  reset(): void {
    gc();
    this.#last = machineNow();
    this.#worstMs = 0;
  }

  /** The longest since then. */
  get worstMs(): number {
    this.#look();
    return this.#worstMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = machineNow();
    this.#worstMs = Math.max(this.#worstMs, now - this.#last - ASK_EVERY_MS);
    this.#last = now;
  }
}
