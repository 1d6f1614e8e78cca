import { trade } from '../../model/testing/market-events.ts';
import type { CloseVerdict } from '../../wire/close-codes.ts';
import { heartbeatAt } from '../../wire/json-codec.ts';
import type { Batch, ServerMessage, Snapshot, SnapshotReason, UpstreamState } from '../../wire/messages.ts';
import type { Lineage } from '../../wire/position.ts';
import type { OpenStream, SourceSink, StreamRequest, StreamSource } from '../source.ts';

/** A source that says exactly what the test tells it to say. */
export class ScriptedSource implements StreamSource {
  readonly name: string;
  readonly openings: Opening[] = [];
  /** Called within `open`, before it has returned. */
  atOnce: (opening: Opening) => void = () => {};

  constructor(name: string) {
    this.name = name;
  }

  open(request: StreamRequest, sink: SourceSink): OpenStream {
    const opening = new Opening(request, sink);
    this.openings.push(opening);
    this.atOnce(opening);
    return { close: () => opening.end('closed by us', 'reconnect') };
  }

  /** The newest opening. */
  get last(): Opening {
    const opening = this.openings.at(-1);
    if (opening === undefined) throw new Error(`${this.name} was never opened`);
    return opening;
  }

  get isOpen(): boolean {
    return this.openings.some(opening => opening.isOpen);
  }
}

export class Opening {
  readonly request: StreamRequest;
  isOpen = true;
  readonly #sink: SourceSink;

  constructor(request: StreamRequest, sink: SourceSink) {
    this.request = request;
    this.#sink = sink;
  }

  say(message: ServerMessage): void {
    if (this.isOpen) this.#sink.message(message);
  }

  hello(epoch: number, offset: number, lineage: Lineage = []): void {
    this.say({ type: 'hello', protocol: 1, server: 'scripted', cut: 'full', epoch, offset, lineage });
  }

  status(upstream: UpstreamState): void {
    this.say({ type: 'status', upstream, since: 1 });
  }

  batch(epoch: number, first: number, next: number, more: Partial<Batch> = {}): void {
    const events = Array.from({ length: next - first }, (_, index) => ({ ...trade(), offset: first + index }));
    this.say({ type: 'batch', writer: epoch, epoch, first, next, events, ...more });
  }

  beat(epoch: number, offset: number, writer = epoch): void {
    this.say(heartbeatAt(writer, epoch, offset));
  }

  snapshot(epoch: number, offset: number, reason: SnapshotReason, more: Partial<Snapshot> = {}): void {
    const rest = { part: 1, parts: 1, reason, recovered: reason !== 'lost', lineage: [], events: [] };
    this.say({ type: 'snapshot', epoch, offset, ...rest, ...more });
  }

  end(reason = 'the network', verdict: CloseVerdict = 'reconnect'): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#sink.closed(reason, verdict);
  }
}
