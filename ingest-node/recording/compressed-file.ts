/** Text files that may be compressed; the end of the name says how: `.zst`, `.gz`, or anything else for plain. */
import { createReadStream, type createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { linesOf } from './lines.ts';

type Compressor = Transform & { flush(done?: () => void): void };

/** A file being written from its beginning. Its first fault ends it: what was written until then stays readable. */
export class CompressedFileWriter {
  /** Settles when the file is closed: rejects with the fault that ended it. */
  readonly closed: Promise<void>;
  readonly #entry: Writable;
  readonly #compressor: Compressor | null;
  readonly #file: ReturnType<typeof createWriteStream>;
  #isOver = false;

  /** Rejects when the file cannot be opened. */
  static async open(path: string): Promise<CompressedFileWriter> {
    const handle = await open(path, 'w');
    return new CompressedFileWriter(path, handle.createWriteStream());
  }

  private constructor(path: string, file: ReturnType<typeof createWriteStream>) {
    this.#file = file;
    this.#compressor = compressorFor(path);
    this.#entry = this.#compressor ?? file;
    const written = this.#compressor === null ? finished(file) : pipeline(this.#compressor, file);
    this.closed = written.finally(() => {
      this.#isOver = true;
    });
    // Whoever waits hears of it; nobody waiting yet must not end the process.
    this.closed.catch(() => {});
  }

  /** Bytes in the file, compressed. */
  get bytesWritten(): number {
    return this.#file.bytesWritten;
  }

  /** Resolves when there is room for more; at once after a fault, which {@link closed} tells. */
  async write(text: string): Promise<void> {
    if (this.#isOver || this.#entry.write(text)) return;
    const drained = Promise.withResolvers<void>();
    this.#entry.once('drain', drained.resolve);
    await Promise.race([drained.promise, this.closed.catch(() => {})]);
    this.#entry.off('drain', drained.resolve);
  }

  /** Brings what was written so far into the file, so that a crash leaves it there. */
  flush(): void {
    if (!this.#isOver && !this.#entry.writableEnded) this.#compressor?.flush();
  }

  /** Completes the file. Rejects with the fault that ended it before. */
  async end(): Promise<void> {
    this.#entry.end();
    await this.closed;
  }
}

function finished(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => stream.once('close', resolve).once('error', reject));
}

function compressorFor(path: string): Compressor | null {
  if (path.endsWith('.zst')) return createZstdCompress();
  if (path.endsWith('.gz')) return createGzip();
  return null;
}

/** What a reading was told besides its lines. */
export type FileReading = {
  /** The compressed file breaks off: its writer did not come to end it. All lines before the break were read. */
  isCutOff: boolean;
};

/** The lines of a file. A compressed one that breaks off ends there, which `reading` tells; other faults are thrown. */
export async function* readFileLines(path: string, reading: FileReading): AsyncGenerator<string> {
  const file = createReadStream(path);
  const decompressor = decompressorFor(path);
  if (decompressor === null) {
    yield* linesOf(file);
    return;
  }
  file.on('error', error => decompressor.destroy(error));
  try {
    yield* linesOf(file.pipe(decompressor));
  } catch (error) {
    if (!isCutOff(error)) throw new Error(`cannot read ${path}: ${(error as Error).message}`, { cause: error });
    reading.isCutOff = true;
  } finally {
    file.destroy();
  }
}

function decompressorFor(path: string): Transform | null {
  if (path.endsWith('.zst')) return createZstdDecompress();
  return path.endsWith('.gz') ? createGunzip() : null;
}

/** zlib says "unexpected end of file" for both formats. */
function isCutOff(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR';
}
