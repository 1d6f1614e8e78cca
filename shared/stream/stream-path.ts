import type { Clock } from '../base/clock.ts';
import type { CloseVerdict } from '../wire/close-codes.ts';
import { HOP_DEAD_AFTER_MS, SEEKING_DEAD_AFTER_MS, type ServerMessage } from '../wire/messages.ts';
import type { Position } from '../wire/position.ts';
import type { OpenStream, StreamRequest, StreamSource } from './source.ts';

export type PathSink = {
  message(path: StreamPath, message: ServerMessage): void;
  closed(path: StreamPath, reason: string, verdict: CloseVerdict): void;
};

export type StreamPathOptions = {
  readonly source: StreamSource;
  readonly index: number;
  readonly clock: Clock;
  readonly openTimeoutMs: number;
  readonly sink: PathSink;
};

/** One opened source with the watch on its silence: 1.5 s without anything and the hop is dead (rule HB1). */
export class StreamPath {
  readonly source: StreamSource;
  readonly index: number;
  /** Whether it brought the consumer forward: only then is the same source worth asking first again. */
  hasDelivered = false;
  isUpstreamLive = true;
  /** How often another path was tried beside this one. */
  probes = 0;
  /** Where the consumer was when this path, still on trial, was last measured against it. */
  mark: { readonly position: Position | null; readonly at: number };
  /** When this path last began to be no use to the consumer; `null` while it is. */
  uselessSince: number | null = null;
  readonly #clock: Clock;
  readonly #openTimeoutMs: number;
  readonly #sink: PathSink;
  #stream: OpenStream | null = null;
  #cancelWatch: () => void = () => {};
  #lastHeard = 0;
  #hasAnswered = false;
  #isClosed = false;

  constructor({ source, index, clock, openTimeoutMs, sink }: StreamPathOptions) {
    this.source = source;
    this.index = index;
    this.#clock = clock;
    this.#openTimeoutMs = openTimeoutMs;
    this.#sink = sink;
    this.mark = { position: null, at: clock.monotonic() };
  }

  /** Apart from the constructor, because a source may answer or fail before `open` has returned. */
  open(request: StreamRequest): void {
    if (this.#isClosed) return;
    this.mark = { position: request.position, at: this.#clock.monotonic() };
    this.#cancelWatch = this.#clock.setTimer(this.#openTimeoutMs, () =>
      this.#giveUp(`no answer within ${this.#openTimeoutMs} ms`),
    );
    let stream: OpenStream;
    try {
      stream = this.source.open(request, {
        message: message => {
          if (this.#isClosed) return;
          this.#heard();
          this.#sink.message(this, message);
        },
        closed: (reason, verdict) => this.#closed(reason, verdict),
      });
    } catch (error) {
      this.#closed(`cannot be opened: ${String(error)}`, 'reconnect');
      return;
    }
    if (this.#isClosed) stream.close();
    else this.#stream = stream;
  }

  /** Ends it without a report. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelWatch();
    this.#stream?.close();
  }

  #closed(reason: string, verdict: CloseVerdict): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelWatch();
    this.#sink.closed(this, reason, verdict);
  }

  #heard(): void {
    this.#lastHeard = this.#clock.monotonic();
    if (this.#hasAnswered) return;
    this.#hasAnswered = true;
    this.#cancelWatch();
    this.#watch(HOP_DEAD_AFTER_MS);
  }

  #watch(delayMs: number): void {
    this.#cancelWatch = this.#clock.setTimer(delayMs, () => {
      const silentMs = this.#clock.monotonic() - this.#lastHeard;
      const leftMs = (this.isUpstreamLive ? HOP_DEAD_AFTER_MS : SEEKING_DEAD_AFTER_MS) - silentMs;
      // Not to the same server again: a frozen one takes the connection and goes on saying nothing.
      if (leftMs <= 0) this.#giveUp(`silent for ${Math.round(silentMs)} ms`, 'elsewhere');
      else this.#watch(leftMs);
    });
  }

  #giveUp(reason: string, verdict: CloseVerdict = 'reconnect'): void {
    this.close();
    this.#sink.closed(this, reason, verdict);
  }
}
