import type { Clock } from '../../shared/base/clock.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import { disabledComponent } from '../operations/health.ts';
import { Availability } from './availability.ts';
import { GatedSource } from './gated-source.ts';
import type { InfrastructureService } from './infrastructure-service.ts';

/** A service that stores the stream, with the operator's switch and what is known of its health. */
export class StoredPath {
  readonly service: InfrastructureService;
  /** To be listed for good: while the service is switched off or known to be down, an opening ends at once. */
  readonly source: StreamSource | null;
  readonly #clock: Clock;
  readonly #gate: GatedSource | null;
  readonly #availability: Availability;
  #isEnabled = true;
  #switchedAt: number;

  constructor(service: InfrastructureService, clock: Clock, healthyAfterMs: number) {
    this.service = service;
    this.#clock = clock;
    this.#switchedAt = clock.now();
    this.#availability = new Availability(healthyAfterMs);
    const { source } = service;
    this.#gate =
      source === null
        ? null
        : new GatedSource(
            () => source,
            () => this.#closedBecause(),
          );
    this.source = this.#gate;
  }

  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  /** Known to be: not while nobody knows yet. */
  get isDown(): boolean {
    const { state, lastError } = this.service.health();
    return state === 'down' && lastError !== null;
  }

  /** Whether consumers should be sent here. */
  get isAvailable(): boolean {
    return this.#availability.isAvailable;
  }

  setEnabled(isEnabled: boolean): void {
    this.#isEnabled = isEnabled;
    this.#switchedAt = this.#clock.now();
    if (isEnabled) return;
    this.service.retire();
    this.#gate?.endAll(this.#switchedOff);
  }

  health(): ComponentHealth {
    return this.#isEnabled ? this.service.health() : disabledComponent(this.service.name, this.#switchedAt);
  }

  /** @param now monotonic */
  observe(now: number): void {
    this.#availability.observe(this.health().state, now);
    const reason = this.#closedBecause();
    if (reason !== null) this.#gate?.endSilent(reason);
  }

  async stop(): Promise<void> {
    this.#gate?.endAll('stopped');
    await this.service.stop();
  }

  get #switchedOff(): string {
    return `${this.service.name} is switched off`;
  }

  #closedBecause(): string | null {
    if (!this.#isEnabled) return this.#switchedOff;
    return this.isDown ? `${this.service.name} is down: ${this.service.health().lastError}` : null;
  }
}
