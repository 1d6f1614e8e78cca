import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export type LinkOrder = {
  readonly number: number;
  readonly link: number;
  readonly order: 'open' | 'blackHole' | 'heal' | 'delay' | 'stop';
  /** The port to open it to, or the milliseconds of a delay. */
  readonly value: number;
};

export type LinkAnswer = { readonly number: number; readonly address: string };

/**
 * A link that can be hurt, in a thread of its own: whoever listens and judges may be busy for seconds, and the nodes would
 * take that for servers that are gone.
 */
export class FarLink {
  static #thread: Worker | null = null;
  static #orders = 0;
  static #links = 0;
  readonly #number: number;
  readonly address: string;

  private constructor(number: number, address: string) {
    this.#number = number;
    this.address = address;
  }

  static async to(port: number): Promise<FarLink> {
    const number = ++FarLink.#links;
    return new FarLink(number, await FarLink.#order(number, 'open', port));
  }

  /** From now on nothing passes in either direction and nobody is told; new connections are accepted all the same. */
  async blackHole(): Promise<void> {
    await FarLink.#order(this.#number, 'blackHole');
  }

  /** What was swallowed is gone, so the connections that lived through it end. */
  async heal(): Promise<void> {
    await FarLink.#order(this.#number, 'heal');
  }

  /** From now on everything takes so much longer, in each direction. */
  async delay(ms: number): Promise<void> {
    await FarLink.#order(this.#number, 'delay', ms);
  }

  async stop(): Promise<void> {
    await FarLink.#order(this.#number, 'stop');
  }

  /** @returns the link's address when it was opened */
  static async #order(link: number, order: LinkOrder['order'], value = 0): Promise<string> {
    FarLink.#thread ??= startThread();
    const thread = FarLink.#thread;
    const number = ++FarLink.#orders;
    thread.postMessage({ number, link, order, value } satisfies LinkOrder);
    for (;;) {
      const [answer] = (await once(thread, 'message')) as [LinkAnswer];
      if (answer.number === number) return answer.address;
    }
  }
}

function startThread(): Worker {
  const thread = new Worker(new URL('far-link-worker.ts', import.meta.url), { execArgv: [] });
  thread.setMaxListeners(0);
  thread.unref();
  return thread;
}
