import type { Clock } from '../../shared/base/clock.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import type {
  ActiveMode,
  ComponentHealth,
  ComponentState,
  FeedHealth,
  InfraHealth,
} from '../../shared/wire/service-info.ts';

/** The state of one component, remembered since when. */
export class ComponentMonitor {
  readonly #clock: Clock;
  #health: ComponentHealth;

  constructor(name: string, clock: Clock, state: ComponentState = 'down', lastError: string | null = null) {
    this.#clock = clock;
    this.#health = { name, enabled: state !== 'disabled', state, since: clock.now(), latencyMs: null, lastError };
  }

  get health(): ComponentHealth {
    return this.#health;
  }

  /**
   * `lastError` stays as it was when none is given: the last one is worth knowing after the recovery too.
   *
   * @param latencyMs round trip of the last check; as it was when it is not given
   */
  set(state: ComponentState, lastError?: string, latencyMs: number | null = this.#health.latencyMs): void {
    const since = state === this.#health.state ? this.#health.since : this.#clock.now();
    this.#health = { ...this.#health, state, since, latencyMs, lastError: lastError ?? this.#health.lastError };
  }
}

/** An infrastructure this installation does without. */
export function disabledComponent(name: string, since: number): ComponentHealth {
  return { name, enabled: false, state: 'disabled', since, latencyMs: null, lastError: null };
}

export type HealthSource = {
  readonly server: string;
  readonly log: StreamLog;
  readonly mode: () => ActiveMode;
  readonly leader: () => string | null;
  readonly components: () => readonly ComponentHealth[];
  readonly feeds: () => readonly FeedHealth[];
  /** How the conversion of exchange frames fares. */
  readonly conversion: () => Required<Pick<InfraHealth, 'tradeBackfill' | 'candleBackfill' | 'deltaBooks'>>;
};

export function infraHealth({ server, log, mode, leader, components, feeds, conversion }: HealthSource): InfraHealth {
  const { epoch, offset } = log.position;
  const leaderId = leader();
  return {
    server,
    role: leaderId === null ? 'starting' : leaderId === server ? 'leader' : 'follower',
    leader: leaderId,
    epoch,
    offset,
    mode: mode(),
    components: components(),
    feeds: feeds(),
    ...(leaderId === server ? conversion() : {}),
  };
}

/** What keeps a node from being asked for data; `null` when it is ready. */
export function unreadiness(log: StreamLog, feeds: readonly FeedHealth[]): string | null {
  if (log.position.epoch === 0) return 'no epoch yet: the node is starting';
  if (feeds.length > 0 && feeds.every(feed => feed.state !== 'live')) return 'no feed is live';
  return null;
}
