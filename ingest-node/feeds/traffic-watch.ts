import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { EpochMillis } from '../../shared/model/time.ts';
import type { Dial } from './socket.ts';
import type { Traffic, TrafficTap } from './traffic-tap.ts';

export type TrafficWatchOptions = {
  readonly exchange: ExchangeName;
  readonly tap: TrafficTap;
  readonly clock: Clock;
  /** Where the market list is fetched; its bodies are kept. */
  readonly marketUrls: readonly string[];
};

/** Shows one exchange's traffic to a tap, and keeps the market list for a tap that opens later. */
export class TrafficWatch {
  readonly #options: TrafficWatchOptions;
  /** By address: what came last, and what made the newest list that could be read. */
  readonly #bodies = new Map<string, Traffic>();
  #marketLists: readonly Traffic[] = [];

  constructor(options: TrafficWatchOptions) {
    this.#options = options;
  }

  /** The bodies of the newest market list that could be read. */
  get marketLists(): readonly Traffic[] {
    return this.#marketLists;
  }

  frame(feed: string, url: string, bytes: Uint8Array, time: EpochMillis, isFirst: boolean): void {
    const { tap, exchange } = this.#options;
    if (tap.isOpen) tap.take({ exchange, direction: 'recv', time, feed, url, bytes, isFirst });
  }

  /** The same dial, whose sockets also show what is sent. */
  dialFor(feed: string, dial: Dial): Dial {
    const { tap, exchange, clock } = this.#options;
    return (url, listener) => {
      const socket = dial(url, listener);
      return {
        ping: payload => socket.ping(payload),
        pong: payload => socket.pong(payload),
        close: () => socket.close(),
        terminate: () => socket.terminate(),
        send: text => {
          if (tap.isOpen) {
            tap.take({ exchange, direction: 'send', time: clock.now(), feed, url, bytes: Buffer.from(text) });
          }
          socket.send(text);
        },
      };
    };
  }

  /** A whole body of an answer with status 200. */
  body(url: string, bytes: Uint8Array): void {
    const { tap, exchange, clock, marketUrls } = this.#options;
    const isMarketList = marketUrls.includes(url);
    if (!isMarketList && !tap.isOpen) return;
    const traffic: Traffic = { exchange, direction: 'http', time: clock.now(), feed: null, url, bytes };
    if (isMarketList) this.#bodies.set(url, traffic);
    if (tap.isOpen) tap.take(traffic);
  }

  /** The bodies that came last made a market list. */
  marketListCame(): void {
    this.#marketLists = [...this.#bodies.values()];
  }
}
