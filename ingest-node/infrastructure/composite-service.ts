import type { CancelTimer, Clock } from '../../shared/base/clock.ts';
import { within } from '../../shared/base/within.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { BEST_PATH, pathOf } from '../../shared/wire/path-refusal.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import {
  type ActiveMode,
  type ComponentHealth,
  type Mode,
  modeOf,
  type StreamPathState,
} from '../../shared/wire/service-info.ts';
import { disabledComponent } from '../operations/health.ts';
import { FencedError, type OpenedInfrastructure, type PathTail, type PublishTerm } from './infrastructure-service.ts';
import { StoredPath } from './stored-path.ts';
import { WebSocketService } from './websocket-service.ts';

export type InfrastructureOptions = {
  /** Those that store the stream, best first; the leader's WebSocket is always there, and comes last. */
  readonly stored: readonly OpenedInfrastructure[];
  readonly clock: Clock;
  readonly onModeChange?: (modes: ActiveMode) => void;
  /** Consumers go back to a path that has failed when it has been well for so long. */
  readonly healthyAfterMs?: number;
  readonly webSocket?: WebSocketService;
};

/** What became of raising the fence on every path. */
export type FenceReport = {
  /** Longest first. */
  readonly tails: readonly {
    readonly name: string;
    readonly tail: PathTail;
    readonly source: StreamSource;
  }[];
  readonly failures: readonly { readonly name: string; readonly error: Error }[];
  /** Somebody higher has been there: this node must not lead (rule EPO2). */
  readonly higher: number | null;
};

/** Health is looked at so often; what it rests on is a second old at most. */
const LOOK_EVERY_MS = 250;

/** The stream's infrastructures as one: published on all of them, read from the best. One that is away holds nobody up. */
export class Infrastructure {
  readonly #clock: Clock;
  readonly #onModeChange: (modes: ActiveMode) => void;
  readonly #webSocket: WebSocketService;
  /** Best first, with those that this installation does without. */
  readonly #stored: readonly OpenedInfrastructure[];
  /** Best first. */
  readonly #paths: readonly StoredPath[];
  readonly #sources: readonly StreamSource[];
  readonly #madeAt: number;
  #term: PublishTerm | null = null;
  #modes: ActiveMode;
  #cancelLook: CancelTimer = () => {};

  constructor({ stored, clock, onModeChange = () => {}, healthyAfterMs = 5_000, webSocket }: InfrastructureOptions) {
    this.#clock = clock;
    this.#madeAt = clock.now();
    this.#onModeChange = onModeChange;
    this.#webSocket = webSocket ?? new WebSocketService({ clock });
    this.#stored = stored;
    this.#paths = stored.flatMap(({ service }) =>
      service === null ? [] : new StoredPath(service, clock, healthyAfterMs),
    );
    this.#sources = [...this.#paths.flatMap(({ source }) => source ?? []), this.#webSocket.source];
    this.#modes = { configured: this.#configuredMode(), active: modeOf([]) };
  }

  /** Begins to watch the health of every path. */
  start(): void {
    for (const { service } of this.#paths) service.start();
    this.#look();
  }

  /** What the installation is meant to run on, and what it runs on now. */
  get mode(): ActiveMode {
    return this.#modes;
  }

  /** The operator's switch. Does nothing for an infrastructure that this installation does not have. */
  setEnabled(name: string, isEnabled: boolean): void {
    const path = this.#path(name);
    if (path === undefined || path.isEnabled === isEnabled) return;
    path.setEnabled(isEnabled);
    if (isEnabled && this.#term !== null) path.service.publish(this.#term);
    this.#observe();
  }

  /** Where the present leader's stream is; `null` while nobody leads, or this node does. */
  setLeader(url: string | null): void {
    this.#webSocket.setLeader(url);
  }

  /**
   * The highest epoch that the paths remember (rule EPO2). One that is away must not hide what the others say, so it is
   * left out; rejects when none answers in time.
   */
  async highestWriter(withinMs = 300): Promise<number> {
    const asked = this.#enabled.map(({ service }) => within(service.tail(), withinMs, this.#clock));
    const answers = await Promise.allSettled(asked);
    const known = answers.filter(answer => answer.status === 'fulfilled').map(({ value }) => value);
    const failed = answers.find(answer => answer.status === 'rejected');
    if (known.length === 0 && failed !== undefined) throw failed.reason;
    return Math.max(0, ...known.map(({ writer, position }) => Math.max(writer, position?.epoch ?? 0)));
  }

  /** Raises the fence on every path at once; none may take longer than that. */
  async fence(epoch: number, withinMs = 300): Promise<FenceReport> {
    const tails: FenceReport['tails'][number][] = [];
    const failures: FenceReport['failures'][number][] = [];
    const raise = async ({ service }: StoredPath) => {
      const { name, source } = service;
      try {
        const tail = await within(service.fence(epoch), withinMs, this.#clock);
        if (source !== null) tails.push({ name, tail, source });
      } catch (error) {
        failures.push({ name, error: error instanceof Error ? error : new Error(String(error)) });
      }
    };
    await Promise.all(this.#enabled.map(raise));
    tails.sort((a, b) => byLength(a.tail.position, b.tail.position));
    const higher = failures.map(({ error }) => (error instanceof FencedError ? error.higher : 0));
    return { tails, failures, higher: higher.some(writer => writer > 0) ? Math.max(...higher) : null };
  }

  publish({ onFenced, ...publication }: PublishTerm): void {
    const term: PublishTerm = {
      ...publication,
      onFenced: higher => {
        // The first path that says so speaks for all.
        if (this.#term !== term) return;
        this.retire();
        onFenced(higher);
      },
    };
    this.#term = term;
    for (const { service } of this.#enabled) service.publish(term);
    this.#webSocket.publish(term);
  }

  heartbeat(): void {
    for (const { service } of this.#enabled) service.heartbeat();
  }

  /** Whether all that the log holds has arrived on every living path within the time (rule HND1). */
  async flush(withinMs: number): Promise<boolean> {
    const living = this.#enabled.filter(({ isDown }) => !isDown);
    const flushed = await Promise.all(living.map(({ service }) => service.flush(withinMs)));
    return flushed.every(isFlushed => isFlushed);
  }

  retire(): void {
    this.#term = null;
    for (const { service } of this.#paths) service.retire();
    this.#webSocket.retire();
  }

  /** In order of preference, with those that this installation does without. */
  health(): ComponentHealth[] {
    return [...this.#stored.map(({ name }) => this.#healthOf(name)), this.#webSocket.health()];
  }

  /** The ways to read the stream at this node, best first: {@link sourceOf} of each is served at its path. */
  streamPaths(): StreamPathState[] {
    return [
      BEST_PATH,
      ...this.#stored.map(infrastructure => pathOf(infrastructure, this.#healthOf(infrastructure.name))),
    ];
  }

  /** For followers, best first: the same objects as long as this lives, however the paths fare. */
  sources(): readonly StreamSource[] {
    return this.#sources;
  }

  /** One that stores the stream, alone, as long as it is switched on; `null` when this installation does not have it. */
  sourceOf(name: string): StreamSource | null {
    return this.#path(name)?.source ?? null;
  }

  async stop(): Promise<void> {
    this.#cancelLook();
    this.retire();
    await Promise.all([...this.#paths.map(path => path.stop()), this.#webSocket.stop()]);
  }

  get #enabled(): readonly StoredPath[] {
    return this.#paths.filter(({ isEnabled }) => isEnabled);
  }

  #path(name: string): StoredPath | undefined {
    return this.#paths.find(({ service }) => service.name === name);
  }

  #healthOf(name: string): ComponentHealth {
    return this.#path(name)?.health() ?? disabledComponent(name, this.#madeAt);
  }

  #look(): void {
    this.#observe();
    this.#cancelLook = this.#clock.setTimer(LOOK_EVERY_MS, () => this.#look());
  }

  #observe(): void {
    const now = this.#clock.monotonic();
    for (const path of this.#paths) path.observe(now);
    const modes: ActiveMode = {
      configured: this.#configuredMode(),
      active: modeOf(this.#paths.filter(({ isAvailable }) => isAvailable).map(({ service }) => service.name)),
    };
    const { configured, active } = this.#modes;
    if (modes.configured === configured && modes.active === active) return;
    this.#modes = modes;
    this.#onModeChange(modes);
  }

  #configuredMode(): Mode {
    return modeOf(this.#enabled.map(({ service }) => service.name));
  }
}

/** Longest first; nothing at all is last. */
function byLength(a: Position | null, b: Position | null): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return comparePositions(b, a);
}
