import type { Clock } from '../../shared/base/clock.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { WebSocketSource } from '../../shared/stream/websocket-source.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import { GatedSource } from './gated-source.ts';
import type { InfrastructureService, PathTail, PublishTerm } from './infrastructure-service.ts';

export type WebSocketServiceOptions = {
  readonly clock: Clock;
  /** How a leader's address is read. */
  readonly connect?: (url: string) => StreamSource;
};

const NO_LEADER = 'no other node is known to lead';

/**
 * The leader's own WebSocket. The leader's sessions publish on it, so there is nothing to write here and nothing to
 * fence: a deposed leader's readers drop what it says (rule ORD2). A follower reads it at the present leader's address.
 */
export class WebSocketService implements InfrastructureService {
  readonly name = 'websocket';
  readonly source: StreamSource;
  readonly #clock: Clock;
  readonly #connect: (url: string) => StreamSource;
  readonly #gate: GatedSource;
  #url: string | null = null;
  /** Of the last leader that was known, from whom somebody may still read. */
  #readUrl: string | null = null;
  #leader: StreamSource | null = null;
  #leads = false;
  #since: number;

  constructor({
    clock,
    connect = url => new WebSocketSource({ name: `leader ${url}`, url }),
  }: WebSocketServiceOptions) {
    this.#clock = clock;
    this.#connect = connect;
    this.#since = clock.now();
    const nobody: StreamSource = {
      name: 'leader',
      open: () => {
        throw new Error(NO_LEADER);
      },
    };
    this.#gate = new GatedSource(
      () => this.#leader ?? nobody,
      () => (this.#url === null ? NO_LEADER : null),
    );
    this.source = this.#gate;
  }

  /**
   * Where the present leader's stream is; `null` while there is none, or it is this node. Who reads from another one is
   * sent here at once; while nobody leads it may stay, since that node may still be told the rest.
   */
  setLeader(url: string | null): void {
    if (url === this.#url) return;
    const wasUp = this.#isUp;
    this.#url = url;
    if (url !== null && url !== this.#readUrl) {
      this.#readUrl = url;
      this.#leader = this.#connect(url);
      this.#gate.endAll('another node leads');
    }
    this.#turned(wasUp);
  }

  start(): void {}

  /** Sockets remember nothing. */
  async tail(): Promise<PathTail> {
    return { writer: 0, position: null, lineage: [] };
  }

  fence(_writer: number): Promise<PathTail> {
    return this.tail();
  }

  publish(_term: PublishTerm): void {
    this.#lead(true);
  }

  heartbeat(): void {}

  async flush(_withinMs: number): Promise<boolean> {
    return true;
  }

  retire(): void {
    this.#lead(false);
  }

  /** There is a stream: this node's own, or the one of a leader whose address is known. */
  health(): ComponentHealth {
    const isUp = this.#isUp;
    return {
      name: this.name,
      enabled: true,
      state: isUp ? 'up' : 'down',
      since: this.#since,
      latencyMs: null,
      lastError: isUp ? null : NO_LEADER,
    };
  }

  async stop(): Promise<void> {
    this.#gate.endAll('stopped');
  }

  get #isUp(): boolean {
    return this.#leads || this.#url !== null;
  }

  #lead(leads: boolean): void {
    const wasUp = this.#isUp;
    this.#leads = leads;
    this.#turned(wasUp);
  }

  #turned(wasUp: boolean): void {
    if (this.#isUp !== wasUp) this.#since = this.#clock.now();
  }
}
