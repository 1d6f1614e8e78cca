/**
 * Where one exchange wants us to stay away, and for how long: asked before every request and every attempt to connect, of
 * all feeds and of all who ask it by REST. How far a refusal reaches follows from its status and from who was refused:
 * too many requests are about requests of that kind, a block is about the host that answered or about our address.
 */
import type { Clock } from '../../shared/base/clock.ts';

export type Transport = 'rest' | 'webSocket';

export type AwayOptions = {
  readonly clock: Clock;
  /** Whether both transports are served by one host. False by default. */
  readonly isOneHost?: boolean;
  /** Statuses by which our address is shut out, whichever host says so. */
  readonly shutOutBy?: readonly number[];
};

const TOO_MANY = 429;
/** Not offered in our country. */
const UNAVAILABLE_HERE = 451;

export class Away {
  readonly #clock: Clock;
  readonly #isOneHost: boolean;
  readonly #shutOutBy: ReadonlySet<number>;
  /** Monotonic, by transport or by limit group of REST. */
  readonly #until = new Map<string, number>();

  constructor({ clock, isOneHost = false, shutOutBy = [] }: AwayOptions) {
    this.#clock = clock;
    this.#isOneHost = isOneHost;
    this.#shutOutBy = new Set([...shutOutBy, UNAVAILABLE_HERE]);
  }

  /**
   * The exchange wants nothing of the kind for so long. A shorter time does not end a longer one.
   *
   * @param status of the HTTP answer; `null` for a socket that was closed
   * @param group the limit that a REST request counted against
   */
  turnedAway(from: Transport, status: number | null, ms: number, group = ''): void {
    const until = this.#clock.monotonic() + ms;
    for (const place of this.#reachOf(from, status, group)) {
      this.#until.set(place, Math.max(this.#until.get(place) ?? 0, until));
    }
  }

  /** Milliseconds; 0 where nothing stands in the way. */
  heldForMs(transport: Transport, group = ''): number {
    const ofGroup = transport === 'rest' ? (this.#until.get(placeOf(group)) ?? 0) : 0;
    return Math.max(0, ofGroup - this.#clock.monotonic(), (this.#until.get(transport) ?? 0) - this.#clock.monotonic());
  }

  #reachOf(from: Transport, status: number | null, group: string): readonly string[] {
    if (status === null) return [from];
    if (status === TOO_MANY) return [from === 'rest' ? placeOf(group) : from];
    return this.#isOneHost || this.#shutOutBy.has(status) ? ['rest', 'webSocket'] : [from];
  }
}

function placeOf(group: string): string {
  return `rest ${group}`;
}
