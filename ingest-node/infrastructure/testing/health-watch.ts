import { systemClock } from '../../../shared/base/clock.ts';
import type { ComponentState } from '../../../shared/wire/service-info.ts';
import type { InfrastructureService } from '../infrastructure-service.ts';

const LOOK_EVERY_MS = 10;

type Turn = { readonly afterMs: number; readonly state: ComponentState };

/** What a service says of its path from now on. */
export class HealthWatch {
  /** Everything that was said to be wrong while it was down. */
  readonly reasons = new Set<string>();
  readonly #service: InfrastructureService;
  readonly #began = systemClock.monotonic();
  readonly #turns: Turn[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(service: InfrastructureService) {
    this.#service = service;
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** When it was first told as down; `null`: never. */
  get downAfterMs(): number | null {
    return this.#turns.find(({ state }) => state === 'down')?.afterMs ?? null;
  }

  /** How long it was down in all. */
  get downMs(): number {
    const ends = [...this.#turns.slice(1).map(({ afterMs }) => afterMs), this.#now()];
    return this.#turns.reduce((sum, { state, afterMs }, at) => sum + (state === 'down' ? ends[at]! - afterMs : 0), 0);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { state, lastError } = this.#service.health();
    if (this.#turns.at(-1)?.state !== state) this.#turns.push({ afterMs: this.#now(), state });
    if (state === 'down' && lastError !== null) this.reasons.add(lastError);
  }

  #now(): number {
    return Math.round(systemClock.monotonic() - this.#began);
  }
}
