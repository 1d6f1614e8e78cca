import type { ExchangeSocket } from './exchange-socket.ts';

/** What may befall the next frames of a channel. */
export const FRAME_FAULTS = ['skip', 'duplicate', 'reorder', 'unknownKey', 'split'] as const;
export type FrameFault = (typeof FRAME_FAULTS)[number];

/** Hands one event's frame to every socket that wants it. */
export type Round = {
  /** True when the socket took it, or will. */
  send(socket: ExchangeSocket, frame: string | Buffer): boolean;
  end(): void;
};

type Order = { fault: FrameFault; channel: string; nativeCode: string | null; left: number };

const PLAIN: Round = { send: (socket, frame) => socket.send(frame), end: () => undefined };

/** Misfortunes of single frames, ordered in advance: each strikes the next events of its channel. */
export class FrameFaults {
  #orders: Order[] = [];
  /** Frames kept back until the next one of their topic has gone out. */
  readonly #held = new Map<string, Array<() => void>>();

  /** Without `nativeCode` any instrument's frame will do. */
  order(fault: FrameFault, channel: string, count: number, nativeCode: string | null): void {
    this.#orders.push({ fault, channel, nativeCode, left: count });
  }

  /** Forget what is still ordered, and let go what is kept back. */
  clear(): void {
    this.#orders = [];
    for (const frames of this.#held.values()) for (const send of frames) send();
    this.#held.clear();
  }

  /** How the next frame of a topic goes out; null when it is swallowed. A topic names channel and instrument. */
  begin(channel: string, topic: string): Round | null {
    if (this.#orders.length === 0 && this.#held.size === 0) return PLAIN;
    const late = this.#held.get(topic);
    this.#held.delete(topic);
    const end = (): void => {
      for (const send of late ?? []) send();
    };
    switch (this.#take(channel, topic)) {
      case 'skip':
        end();
        return null;
      case 'duplicate':
        return { send: (socket, frame) => socket.send(frame) && socket.send(frame), end };
      case 'unknownKey':
        return { send: (socket, frame) => socket.send(withUnknownKey(frame)), end };
      case 'split':
        return { send: (socket, frame) => socket.send(frame, 'split'), end };
      case 'reorder': {
        end();
        const held: Array<() => void> = [];
        this.#held.set(topic, held);
        return {
          send: (socket, frame) => {
            held.push(() => socket.send(frame));
            return true;
          },
          end: () => undefined,
        };
      }
      case null:
        return { send: PLAIN.send, end };
    }
  }

  #take(channel: string, topic: string): FrameFault | null {
    const index = this.#orders.findIndex(
      order => order.channel === channel && (order.nativeCode === null || isAbout(topic, order.nativeCode)),
    );
    const order = this.#orders[index];
    if (order === undefined) return null;
    order.left -= 1;
    if (order.left === 0) this.#orders.splice(index, 1);
    return order.fault;
  }
}

/** `btcusdt@depth@100ms` is about BTCUSDT, `trade KRW-BTC` about KRW-BTC. */
function isAbout(topic: string, nativeCode: string): boolean {
  return topic.toLowerCase().split(/[@ ]/).includes(nativeCode.toLowerCase());
}

/** A key that nobody documented, first in the object that carries the data. */
function withUnknownKey(frame: string | Buffer): string | Buffer {
  const text = frame.toString();
  const wrapped = text.indexOf('"data":{');
  const at = wrapped < 0 ? text.indexOf('{') + 1 : wrapped + '"data":{'.length;
  const changed = `${text.slice(0, at)}"unheard_of":{"list":[1,null,"x"]},${text.slice(at)}`;
  return typeof frame === 'string' ? changed : Buffer.from(changed);
}
