import type { Clock } from '../../shared/base/clock.ts';
import { HOP_DEAD_AFTER_MS } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';
import { encodeUp, type ShardReport, type UpFrame } from './relay-frame.ts';

/** The shard's end of the socket to its hub. */
export type HubSocket = { send(text: string): void; close(): void };

export type HubLineOptions = {
  readonly clock: Clock;
  /** Asks the hub to dial us. */
  readonly pokeHub: () => void;
  readonly report: () => ShardReport;
};

type Question = Extract<UpFrame, { kind: 'refresh' | 'refill' | 'heal' }>;

const REPORT_EVERY_MS = 250;
const POKE_EVERY_MS = 500;
/** An unanswered question is asked again after this, and an answered one not at once: the tick comes back to it. */
const ASK_AGAIN_MS = 4_000;
const ASK_SPACING_MS = 125;

/** What a shard says to its hub, each thing no more often than is useful, and whether the hub still lives. */
export class HubLine {
  readonly #options: HubLineOptions;
  #socket: HubSocket | null = null;
  #lastHeard = 0;
  #lastPokeAt = Number.NEGATIVE_INFINITY;
  #lastReport = '';
  #lastReportAt = Number.NEGATIVE_INFINITY;
  /** When each question was asked last, and whether it is open. */
  readonly #asked = new Map<Question['kind'], { at: number; isOpen: boolean }>();

  constructor(options: HubLineOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#socket !== null;
  }

  /** Whether this is the socket in use: an older one may still have something to say, which no longer counts. */
  is(socket: HubSocket): boolean {
    return this.#socket === socket;
  }

  opened(socket: HubSocket): void {
    if (this.#socket !== socket) this.#socket?.close();
    this.#socket = socket;
    this.heard();
    this.answered();
  }

  /** Lets go of the socket, whoever ended it. */
  lost(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.answered();
    socket?.close();
  }

  heard(): void {
    this.#lastHeard = this.#options.clock.monotonic();
  }

  /** Rule HB1 for this hop. */
  get isSilent(): boolean {
    return this.#socket !== null && this.#options.clock.monotonic() - this.#lastHeard >= HOP_DEAD_AFTER_MS;
  }

  poke(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#lastPokeAt < POKE_EVERY_MS) return;
    this.#lastPokeAt = now;
    this.#options.pokeHub();
  }

  join(position: Position | null): void {
    this.answered();
    this.#send({ kind: 'join', position, report: this.#options.report() });
  }

  ask(question: Question): void {
    const now = this.#options.clock.monotonic();
    const last = this.#asked.get(question.kind);
    if (last !== undefined && now - last.at < (last.isOpen ? ASK_AGAIN_MS : ASK_SPACING_MS)) return;
    if (this.#socket === null) return;
    this.#asked.set(question.kind, { at: now, isOpen: true });
    this.#send(question);
  }

  /** Nothing is open any more, or not this. */
  answered(kind?: Question['kind']): void {
    for (const [asked, question] of this.#asked) if (kind === undefined || kind === asked) question.isOpen = false;
  }

  /** At every change, but not for each of many browsers that come at a time. */
  report(): void {
    if (this.#socket === null) return;
    const report = this.#options.report();
    const text = JSON.stringify(report);
    const now = this.#options.clock.monotonic();
    if (text === this.#lastReport || (report.sessions > 1 && now - this.#lastReportAt < REPORT_EVERY_MS)) return;
    this.#lastReport = text;
    this.#lastReportAt = now;
    this.#send({ kind: 'report', report });
  }

  #send(frame: UpFrame): void {
    try {
      this.#socket?.send(encodeUp(frame));
    } catch {
      // Its close is on the way.
    }
  }
}
