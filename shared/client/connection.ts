import { type Backoff, fullJitterMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { ResilientSource, type SourceCounters } from '../stream/resilient-source.ts';
import type { ReceivedBatch, ReceivedSnapshot } from '../stream/stream-receiver.ts';
import { WebSocketSource, type WebSocketSourceOptions } from '../stream/websocket-source.ts';
import type { Cut } from '../wire/messages.ts';
import type { Position } from '../wire/position.ts';
import { type StreamState, streamState } from './connection-state.ts';
import { discover, type Fetch, type ServiceAddresses } from './discovery.ts';

export type ConnectionOptions = {
  readonly addresses: ServiceAddresses;
  readonly cut: Cut;
  readonly connect: NonNullable<WebSocketSourceOptions['connect']>;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly random: () => number;
  readonly onBatch: (batch: ReceivedBatch) => void;
  readonly onSnapshot: (snapshot: ReceivedSnapshot) => void;
  readonly onState: (state: StreamState) => void;
  readonly onDiscoveryFault: (error: unknown) => void;
};

/** What happened to the connection since the beginning. */
export type ConnectionCounters = SourceCounters & { reconnections: number; discoveryFailures: number };

/** Spreads those who learn of new addresses at the same moment. */
const MOVE_BACKOFF: Backoff = { baseMs: 250, capMs: 10_000 };

/**
 * Finds the service and stays with it: asks `/ws/info` for addresses, reads the stream over them, and asks again
 * whenever a path is lost. What happens on and between the paths (order, resume, fallback, waiting) is
 * {@link ResilientSource}'s; a changed list of addresses gets a new one of it, which goes on from the same position.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #abort = new AbortController();
  readonly #past: ConnectionCounters = {
    opened: 0,
    holes: 0,
    lost: 0,
    switched: 0,
    reconnections: 0,
    discoveryFailures: 0,
  };
  #source: ResilientSource | null = null;
  #lastPosition: Position | null = null;
  #urls: readonly string[] = [];
  #state: StreamState;
  #isDiscovering = false;
  #cancelMove: () => void = () => {};
  /** Moves since data last flowed: an unsteady list of addresses must not turn into a storm of attempts. */
  #moves = 0;
  /** `null` until data has flowed once. */
  #wasLost: boolean | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#state = this.#own('connecting', options.addresses.info, null);
    void this.#discover();
  }

  get state(): StreamState {
    return this.#state;
  }

  get position(): Position | null {
    return this.#source === null ? this.#lastPosition : this.#source.position;
  }

  get counters(): ConnectionCounters {
    return add(this.#past, this.#source);
  }

  close(reason: string): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(new Error(reason));
    this.#cancelMove();
    const source = this.#source;
    this.#retire();
    source?.stop(reason);
    this.#setState(this.#own('stopped', this.#state.url, reason));
  }

  async #discover(): Promise<void> {
    if (this.#isDiscovering) return;
    this.#isDiscovering = true;
    const { addresses, fetch, clock, onDiscoveryFault } = this.#options;
    let urls: string[] | null = null;
    try {
      urls = await discover(addresses.info, fetch, clock, this.#abort.signal);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#past.discoveryFailures++;
      onDiscoveryFault(error);
    } finally {
      this.#isDiscovering = false;
    }
    if (this.#abort.signal.aborted) return;
    if (this.#source === null) this.#use([...(urls ?? []), addresses.fallback]).start();
    else if (urls !== null) this.#reconsider([...urls, addresses.fallback]);
  }

  /** New addresses while a path is lost: worth moving to when they differ. A path that serves is left alone. */
  #reconsider(urls: readonly string[]): void {
    const { name } = this.#state;
    if (name !== 'waiting' && name !== 'connecting') return;
    if (new Set(urls).size === this.#urls.length && this.#urls.every((url, index) => url === urls[index])) return;
    const old = this.#source;
    const source = this.#use(urls);
    old?.stop();
    this.#setState(this.#own('waiting', this.#urls[0]!, 'the service named new addresses'));
    const waitMs = fullJitterMs(this.#moves++, MOVE_BACKOFF, this.#options.random);
    this.#cancelMove();
    this.#cancelMove = this.#options.clock.setTimer(waitMs, () => source.start());
  }

  #use(urls: readonly string[]): ResilientSource {
    const { cut, clock, random, connect, onBatch, onSnapshot } = this.#options;
    this.#retire();
    const position = this.#lastPosition;
    this.#urls = [...new Set(urls)];
    const source: ResilientSource = new ResilientSource({
      sources: this.#urls.map(url => new WebSocketSource({ url, connect })),
      position,
      cut,
      clock,
      random,
      // What the edge has lost is lost for a browser: a million of them asking the nodes as well would not bring it back.
      healElsewhere: false,
      onBatch,
      onSnapshot,
      // A retired source has nothing to say any more.
      onState: state => {
        if (source === this.#source) this.#changed(streamState(state));
      },
    });
    this.#source = source;
    return source;
  }

  #retire(): void {
    Object.assign(this.#past, this.counters);
    this.#lastPosition = this.position;
    this.#source = null;
  }

  #changed(state: StreamState): void {
    if (state.name === 'live') {
      if (this.#wasLost === true) this.#past.reconnections++;
      this.#wasLost = false;
      this.#moves = 0;
    } else if (state.name === 'waiting') {
      if (this.#wasLost === false) this.#wasLost = true;
      void this.#discover();
    }
    this.#setState(state);
  }

  #own(name: StreamState['name'], source: string, reason: string | null): StreamState {
    return streamState({ name, source, reason, since: this.#options.clock.now() } as Parameters<typeof streamState>[0]);
  }

  #setState(state: StreamState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}

function add(counters: ConnectionCounters, source: ResilientSource | null): ConnectionCounters {
  if (source === null) return { ...counters };
  const { opened, holes, lost, switched } = source.counters;
  return {
    ...counters,
    opened: counters.opened + opened,
    holes: counters.holes + holes,
    lost: counters.lost + lost,
    switched: counters.switched + switched,
  };
}
