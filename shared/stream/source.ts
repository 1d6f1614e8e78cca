/**
 * A path on which the sealed stream can be read: a WebSocket of some server, later Redis and Kafka.
 *
 * What every source promises (stream.suite.ts proves it):
 * - it is opened with the position the consumer has, or `null`, and then sends either what follows that position or a
 *   snapshot first; it may overlap what the consumer has, it may not skip in silence;
 * - it subscribes before it reads history, so nothing falls between the two;
 * - it hands over messages in the order of its path, and passes on the leader's heartbeats without inventing any;
 * - it calls `closed` exactly once, whoever ended it, and nothing afterwards;
 * - it holds no timers or sockets after that.
 */
import type { CloseVerdict } from '../wire/close-codes.ts';
import type { Batch, Cut, ServerMessage } from '../wire/messages.ts';
import type { Position } from '../wire/position.ts';

export type StreamSource = {
  /** For people and for health: `node http://10.0.0.7:8080`. */
  readonly name: string;
  open(request: StreamRequest, sink: SourceSink): OpenStream;
  /**
   * Some of what this path holds after a position, `null`: from the oldest on, as it lies there; nothing: that was all. For
   * paths that hold a bounded past, and can be asked for it without the present.
   */
  history?(after: Position | null): Promise<readonly Batch[]>;
};

export type StreamRequest = { readonly position: Position | null; readonly cut: Cut };

export type SourceSink = {
  message(message: ServerMessage): void;
  /** `stop`: the other side does not want us back as we are; anything else is worth another try. */
  closed(reason: string, verdict: CloseVerdict): void;
};

export type OpenStream = { close(): void };
