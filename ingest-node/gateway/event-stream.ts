import type { ServerResponse } from 'node:http';
import type { SubscriptionKind } from './gateway-store.ts';

export type EventStreamLimits = {
  /** What may wait for a subscriber that does not read; over it the stream is cut. */
  readonly maxWaitingBytes: number;
  /** The longest line; the subscriber of `@upstash/redis` dies of a longer one than 1 MiB. */
  readonly maxLineBytes: number;
};

export type EventStreamHooks = {
  /** The subscriber was too slow and is cut. */
  readonly onCut: () => void;
  /** A message was too long for a line and was left out. */
  readonly onOversized: (bytes: number) => void;
};

/** One subscriber's answer: server-sent events with a bound on what waits. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #limits: EventStreamLimits;
  readonly #hooks: EventStreamHooks;
  /** Messages before the subscription is confirmed are none of its. */
  #state: 'waiting' | 'open' | 'over' = 'waiting';

  constructor(response: ServerResponse, limits: EventStreamLimits, hooks: EventStreamHooks) {
    this.#response = response;
    this.#limits = limits;
    this.#hooks = hooks;
  }

  open(kind: SubscriptionKind, name: string): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'open';
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // Nothing else ever follows on this socket, so its end need not be waited for.
      connection: 'close',
      // What stands in front must pass each line on at once.
      'x-accel-buffering': 'no',
    });
    this.#write(eventText(`${kind === 'channel' ? 'subscribe' : 'psubscribe'},${name},1`));
  }

  /** `heading` is `message,<channel>` or `pmessage,<pattern>,<channel>`. */
  send(heading: string, payload: string | Buffer): void {
    const bytes = Buffer.byteLength(payload);
    if (heading.length + bytes > this.#limits.maxLineBytes) this.#hooks.onOversized(bytes);
    else this.#write(eventText(`${heading},${payload.toString()}`));
  }

  /** A comment, which clients pass over: whoever stands between sees that the connection lives. */
  keepAlive(): void {
    this.#write(': keep-alive\n\n');
  }

  end(): void {
    if (this.#state === 'over') return;
    if (this.#state === 'waiting') this.#response.statusCode = 503;
    this.#state = 'over';
    this.#response.end();
  }

  #write(text: string): void {
    if (this.#state !== 'open') return;
    this.#response.write(text);
    if (this.#response.writableLength <= this.#limits.maxWaitingBytes) return;
    this.#state = 'over';
    this.#hooks.onCut();
    // Not ended but cut: ending would wait for what the subscriber does not read.
    this.#response.destroy();
  }
}

/** A line break within the text would end its line, so each line of it becomes one: the standard joins them again. */
function eventText(text: string): string {
  return `data: ${/[\r\n]/.test(text) ? text.replace(/\r\n|\r|\n/g, '\ndata: ') : text}\n\n`;
}
