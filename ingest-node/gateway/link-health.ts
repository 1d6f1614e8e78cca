import type { Clock } from '../../shared/base/clock.ts';
import type { StoreHealth } from './gateway-store.ts';

const NOT_YET = 'not connected yet';

/** What several connections say together: all is well when every one answers. */
export class LinkHealth {
  readonly #clock: Clock;
  readonly #onChange: (isReachable: boolean, fault: string | null) => void;
  readonly #faults = new Map<string, string | null>();
  #health: StoreHealth;

  /** @param onChange told of every turn, and of the first attempt when it fails */
  constructor(
    links: readonly string[],
    { clock, onChange }: { clock: Clock; onChange: (isReachable: boolean, fault: string | null) => void },
  ) {
    this.#clock = clock;
    this.#onChange = onChange;
    for (const link of links) this.#faults.set(link, NOT_YET);
    this.#health = { fault: NOT_YET, since: clock.now(), latencyMs: null };
  }

  get health(): StoreHealth {
    return this.#health;
  }

  /** @param fault `null` when the link answers */
  note(link: string, fault: string | null, latencyMs: number | null = this.#health.latencyMs): void {
    this.#faults.set(link, fault);
    const faults = [...this.#faults.values()].filter(found => found !== null);
    // Of several the one that says most: that there is no connection yet says nothing.
    const now = faults.find(found => found !== NOT_YET) ?? faults[0] ?? null;
    const before = this.#health.fault;
    const isTurn = (now === null) !== (before === null);
    this.#health = { fault: now, since: isTurn ? this.#clock.now() : this.#health.since, latencyMs };
    if (isTurn || (before === NOT_YET && now !== NOT_YET)) this.#onChange(now === null, now);
  }
}
