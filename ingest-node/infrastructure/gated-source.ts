import type { OpenStream, SourceSink, StreamRequest, StreamSource } from '../../shared/stream/source.ts';

/**
 * A source that stands in a fixed list of paths although what is behind it comes and goes. While there is a reason not to
 * read from it, an opening ends at once with that reason, and worth another try.
 */
export class GatedSource implements StreamSource {
  readonly #behind: () => StreamSource;
  readonly #closedBecause: () => string | null;
  readonly #open = new Set<Passage>();
  /** Only where what is behind at first has one, and what takes its place is of the same kind: who cannot be asked is read. */
  readonly history?: NonNullable<StreamSource['history']>;

  /** @param closedBecause asked at every opening; `null`: it may be read */
  constructor(behind: () => StreamSource, closedBecause: () => string | null) {
    this.#behind = behind;
    this.#closedBecause = closedBecause;
    if (behind().history === undefined) return;
    this.history = async after => (closedBecause() === null ? ((await behind().history?.(after)) ?? []) : []);
  }

  get name(): string {
    return this.#behind().name;
  }

  open(request: StreamRequest, sink: SourceSink): OpenStream {
    const reason = this.#closedBecause();
    if (reason !== null) return endedStream(reason, sink);
    let stream: OpenStream | null = null;
    let endReason: string | null = null;
    const passage: Passage = {
      hasSpoken: false,
      end: why => {
        endReason ??= why;
        stream?.close();
      },
    };
    this.#open.add(passage);
    stream = this.#behind().open(request, {
      message: message => {
        passage.hasSpoken = true;
        sink.message(message);
      },
      closed: (why, verdict) => {
        this.#open.delete(passage);
        sink.closed(endReason ?? why, verdict);
      },
    });
    // Something may have ended it before there was anything to close.
    if (endReason !== null) stream.close();
    return stream;
  }

  /** Ends everything that is read through it now. */
  endAll(reason: string): void {
    for (const { end } of this.#open) end(reason);
  }

  /** Ends what was opened and has not said a word: it would be waited for in vain. */
  endSilent(reason: string): void {
    for (const { hasSpoken, end } of this.#open) if (!hasSpoken) end(reason);
  }
}

type Passage = { hasSpoken: boolean; readonly end: (reason: string) => void };

/** An opened stream that ends before anything came, after `open` has returned. */
function endedStream(reason: string, sink: SourceSink): OpenStream {
  let isOpen = true;
  const end = (why: string) => {
    if (!isOpen) return;
    isOpen = false;
    sink.closed(why, 'reconnect');
  };
  queueMicrotask(() => end(reason));
  return { close: () => end('closed by us') };
}
