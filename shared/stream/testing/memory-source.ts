import type { Clock } from '../../base/clock.ts';
import { decodeMessage, encodeMessage, heartbeatAt } from '../../wire/json-codec.ts';
import type { ServerMessage, UpstreamState } from '../../wire/messages.ts';
import { PROTOCOL_VERSION } from '../../wire/protocol-version.ts';
import { StreamCursor } from '../cursor.ts';
import type { OpenStream, SourceSink, StreamRequest, StreamSource } from '../source.ts';
import type { StreamLog } from '../stream-log.ts';

export type MemorySourceOptions = {
  readonly name?: string;
  readonly log: StreamLog;
  readonly clock: Clock;
  /** On the way: at least 0. */
  readonly latencyMs?: number;
  /** What happens to a message on the way: the texts that arrive instead of it. */
  readonly onTheWay?: (text: string) => readonly string[];
};

/**
 * A server and the way to it, in memory: sessions read the log through cursors as a node's do, messages take time, and
 * connections can be cut, stalled, refused, or lose messages, at will.
 */
export class MemorySource implements StreamSource {
  readonly name: string;
  readonly requests: StreamRequest[] = [];
  /** What is answered instead of a session: reason and verdict. */
  refusal: { readonly reason: string; readonly verdict: 'reconnect' | 'stop' } | null = null;
  /** A session that holds so many messages on the way takes no more from its cursor: a slow reader. */
  window = Number.POSITIVE_INFINITY;
  latencyMs: number;
  onTheWay: (text: string) => readonly string[];
  readonly log: StreamLog;
  readonly clock: Clock;
  readonly #sessions = new Set<Session>();
  #upstream: UpstreamState = 'live';
  #isStalled = false;

  constructor({ name = 'memory', log, clock, latencyMs = 1, onTheWay = text => [text] }: MemorySourceOptions) {
    this.name = name;
    this.log = log;
    this.clock = clock;
    this.latencyMs = latencyMs;
    this.onTheWay = onTheWay;
    log.onChange(() => {
      for (const session of this.#sessions) session.pump();
    });
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  get isStalled(): boolean {
    return this.#isStalled;
  }

  open(request: StreamRequest, sink: SourceSink): OpenStream {
    this.requests.push(request);
    const session = new Session(this, request, sink, ended => this.#sessions.delete(ended));
    if (this.refusal === null) {
      this.#sessions.add(session);
      session.begin(this.#upstream);
    } else session.end(this.refusal.reason, this.refusal.verdict);
    return { close: () => session.closeNow('closed by us', 'reconnect') };
  }

  /** The leader's heartbeat has come: every session that has everything passes it on. */
  heartbeat(): void {
    for (const session of this.#sessions) session.heartbeat();
  }

  setUpstream(upstream: UpstreamState): void {
    this.#upstream = upstream;
    for (const session of this.#sessions) session.send(statusMessage(upstream));
  }

  /** Ends all connections; what is on the way is lost. */
  cut(reason = 'cut', verdict: 'reconnect' | 'stop' = 'reconnect'): void {
    for (const session of this.#sessions) session.closeNow(reason, verdict);
  }

  /** Nothing moves any more, and nobody is told; or moves again. */
  stall(isStalled: boolean): void {
    this.#isStalled = isStalled;
    if (!isStalled) for (const session of this.#sessions) session.resume();
  }
}

class Session {
  readonly #source: MemorySource;
  readonly #request: StreamRequest;
  readonly #sink: SourceSink;
  readonly #ended: (session: Session) => void;
  readonly #waiting: string[] = [];
  readonly #cancels = new Set<() => void>();
  #cursor: StreamCursor | null = null;
  /** Nothing overtakes anything on a path, even when it becomes faster. */
  #lastArrivalAt = 0;
  #isOpen = true;

  constructor(source: MemorySource, request: StreamRequest, sink: SourceSink, ended: (session: Session) => void) {
    this.#source = source;
    this.#request = request;
    this.#sink = sink;
    this.#ended = ended;
  }

  begin(upstream: UpstreamState): void {
    const { log } = this.#source;
    const { position, cut } = this.#request;
    const hello: ServerMessage = {
      type: 'hello',
      protocol: PROTOCOL_VERSION,
      server: this.#source.name,
      cut,
      ...log.position,
      lineage: log.lineage,
    };
    this.send(encodeMessage(hello));
    this.send(statusMessage(upstream));
    this.#cursor = new StreamCursor(log, position, cut);
    this.pump();
  }

  pump(): void {
    if (this.#source.isStalled) return;
    while (this.#isOpen && this.#waiting.length + this.#cancels.size < this.#source.window) {
      const text = this.#cursor?.take() ?? null;
      if (text === null) return;
      this.send(text);
    }
  }

  heartbeat(): void {
    this.pump();
    if (this.#cursor?.isCaughtUp !== true) return;
    const { epoch, offset } = this.#cursor.position;
    this.send(encodeMessage(heartbeatAt(this.#source.log.writer, epoch, offset)));
  }

  send(text: string): void {
    for (const arriving of this.#source.onTheWay(text)) {
      if (this.#source.isStalled) this.#waiting.push(arriving);
      else this.#later(() => this.#arrive(arriving));
    }
  }

  resume(): void {
    for (const text of this.#waiting.splice(0)) this.#later(() => this.#arrive(text));
    this.pump();
  }

  end(reason: string, verdict: 'reconnect' | 'stop'): void {
    this.#later(() => this.closeNow(reason, verdict));
  }

  closeNow(reason: string, verdict: 'reconnect' | 'stop'): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
    this.#ended(this);
    this.#sink.closed(reason, verdict);
  }

  #arrive(text: string): void {
    if (this.#source.isStalled) {
      this.#waiting.push(text);
      return;
    }
    const decoded = decodeMessage(text);
    if (decoded.ok) this.#sink.message(decoded.message);
    this.pump();
  }

  #later(action: () => void): void {
    const { clock, latencyMs } = this.#source;
    const now = clock.monotonic();
    this.#lastArrivalAt = Math.max(this.#lastArrivalAt, now + latencyMs);
    const cancel = clock.setTimer(this.#lastArrivalAt - now, () => {
      this.#cancels.delete(cancel);
      action();
    });
    this.#cancels.add(cancel);
  }
}

function statusMessage(upstream: UpstreamState): string {
  return encodeMessage({ type: 'status', upstream, since: 1_785_397_735_004 });
}
