import type { Writable } from 'node:stream';
import type { Clock } from '../../shared/base/clock.ts';
import type { Traffic, TrafficTap } from '../feeds/traffic-tap.ts';
import { recordLine } from './record-line.ts';
import type { RunLog, RunRecord } from './run-record.ts';

/** The last line of every recording on its way from the node; it does not come into the file. */
export type RecordingEnd = { readonly end: string };

export type TrafficRecorderOptions = {
  readonly clock: Clock;
  /** Most bytes that may wait for a slow reader. */
  readonly maxWaitingBytes?: number;
};

type Recording = { readonly out: Writable; text: string };

/** Holds the largest market list (Binance: 15 MB, more when written as JSON text) and seconds of all frames. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** Lines are written together: one system call for some hundred frames. */
const WRITE_INTERVAL_MS = 50;

/**
 * Passes all exchange traffic, and what else happens to the leader, on to whoever records it. While nobody does it costs
 * the feeds one look at `isOpen`.
 *
 * A reader that is too slow never holds the feeds up, and nothing is left out in silence: over its bound a recording is
 * ended, and its last line says so.
 */
export class TrafficRecorder implements TrafficTap, RunLog {
  isOpen = false;
  /**
   * What a recording begins with: the state of the leader, and the bodies of the newest market lists, without which nobody
   * could read the frames that follow. Nothing unless told.
   */
  opening: () => readonly (RunRecord | Traffic)[] = () => [];
  readonly #options: Required<TrafficRecorderOptions>;
  readonly #recordings = new Set<Recording>();
  #cancelWrite: (() => void) | null = null;

  constructor(options: TrafficRecorderOptions) {
    this.#options = { maxWaitingBytes: MAX_WAITING_BYTES, ...options };
  }

  /** Records into `out` until it is closed, by its reader or by us. */
  open(out: Writable): void {
    const recording: Recording = { out, text: '' };
    this.#recordings.add(recording);
    this.isOpen = true;
    out.once('close', () => this.#forget(recording));
    out.on('error', () => this.#forget(recording));
    for (const one of this.opening()) {
      this.#append(recording, 'node' in one ? runLine(one) : recordLine(one));
    }
    this.flush();
  }

  take(traffic: Traffic): void {
    this.#add(recordLine(traffic));
  }

  note(record: RunRecord): void {
    this.#add(runLine(record));
  }

  #add(line: string): void {
    for (const recording of this.#recordings) this.#append(recording, line);
    this.#cancelWrite ??= this.#options.clock.setTimer(WRITE_INTERVAL_MS, () => this.flush());
  }

  #append(recording: Recording, line: string): void {
    const { maxWaitingBytes } = this.#options;
    // Characters for bytes is near enough for a bound: what is not ASCII are names of markets.
    if (recording.out.writableLength + recording.text.length + line.length > maxWaitingBytes) {
      const mebibytes = Math.round(maxWaitingBytes / 1024 / 1024);
      this.#end(recording, `what reads it is too slow: ${mebibytes} MiB waited`);
    } else recording.text += line;
  }

  /** Writes what waits to be written together with what follows. */
  flush(): void {
    this.#cancelWrite?.();
    this.#cancelWrite = null;
    for (const recording of this.#recordings) {
      if (recording.text === '') continue;
      recording.out.write(recording.text);
      recording.text = '';
    }
  }

  /** Nothing follows: completes every recording. */
  close(): void {
    this.flush();
    for (const recording of this.#recordings) {
      this.#forget(recording);
      recording.out.end();
    }
  }

  #end(recording: Recording, reason: string): void {
    this.#forget(recording);
    const end: RecordingEnd = { end: reason };
    recording.out.end(`${recording.text}${JSON.stringify(end)}\n`);
  }

  #forget(recording: Recording): void {
    this.#recordings.delete(recording);
    this.isOpen = this.#recordings.size > 0;
  }
}

function runLine(record: RunRecord): string {
  return `${JSON.stringify(record)}\n`;
}
