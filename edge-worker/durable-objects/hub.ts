import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../../shared/base/clock.ts';
import { answerStateQuery, type StateAnswer, type StateKind } from '../../shared/stream/state-answer.ts';
import { WebSocketSource } from '../../shared/stream/websocket-source.ts';
import type { InfraHealth } from '../../shared/wire/service-info.ts';
import type { Env } from '../env.ts';
import { viewHealth } from '../fan-out/health-view.ts';
import { HubCore } from '../fan-out/hub-core.ts';
import type { RelaySocket } from '../fan-out/hub-links.ts';
import { type NodeAnswer, NodeDocument } from '../fan-out/node-document.ts';
import { readSettings, type Settings } from '../settings.ts';

/** How long a question waits for a hub that has just begun to follow. */
const FIRST_STATE_WAIT_MS = 3_000;
const NODE_TIMEOUT_MS = 3_000;
const INSTRUMENTS_FRESH_MS = 60_000;
const PROBE_FRESH_MS = 5_000;

/** One region's follower of the stream: sockets, RPC and the platform around {@link HubCore}, which decides. */
export class Hub extends DurableObject<Env> {
  readonly #settings: Settings;
  readonly #name: string;
  readonly #core: HubCore;
  readonly #instruments: NodeDocument;
  #probe: { at: number; latencyMs: Promise<number | null> } | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#settings = readSettings(env);
    this.#name = ctx.id.name ?? 'local';
    const { ingestUrls, shardCapacity, hubPaceMs } = this.#settings;
    this.#core = new HubCore({
      name: this.#name,
      clock: systemClock,
      sources: ingestUrls.map(
        url => new WebSocketSource({ name: url, url: this.#withToken(`${url.replace(/^http/, 'ws')}/ws/exchange`) }),
      ),
      capacity: shardCapacity,
      paceMs: hubPaceMs,
      dial: shard => void this.#dial(shard),
    });
    this.#instruments = new NodeDocument({
      urls: ingestUrls.map(url => this.#withToken(`${url}/api/instruments`)),
      fetch: url => fetch(url, { signal: AbortSignal.timeout(NODE_TIMEOUT_MS) }),
      clock: systemClock,
      freshForMs: INSTRUMENTS_FRESH_MS,
    });
  }

  /** Name of the shard for the next browser; `refused` is one that has just turned it away. */
  place(refused: string | null): string {
    return this.#core.place(refused);
  }

  /** A shard with browsers and without a relay asks to be dialed. */
  attach(shard: string): void {
    this.#core.attach(shard);
  }

  sessions(): number {
    return this.#core.sessions;
  }

  async state(kind: StateKind, search: string, ifNoneMatch: string | null): Promise<StateAnswer> {
    if (!(await this.#core.whenKnown(FIRST_STATE_WAIT_MS))) {
      const reason = this.#core.upstream.lastError ?? 'no ingest node has answered yet';
      return { status: 503, code: 'noState', message: `there is no state to show: ${reason}` };
    }
    return answerStateQuery(kind, this.#core.log, new URLSearchParams(search), ifNoneMatch);
  }

  async instruments(): Promise<NodeAnswer> {
    return this.#instruments.get();
  }

  async health(): Promise<InfraHealth> {
    const [, latencyMs] = await Promise.all([this.#core.whenKnown(FIRST_STATE_WAIT_MS / 3), this.#latency()]);
    const { latest, position } = this.#core.log;
    const events = latest.events();
    const { upstream } = this.#core;
    return viewHealth({ hub: this.#name, upstream, position, events, shards: this.#core.shards(), latencyMs });
  }

  async #dial(shard: string): Promise<void> {
    try {
      const response = await this.env.SHARD.getByName(shard).fetch('https://shard/relay', {
        headers: { Upgrade: 'websocket' },
      });
      const socket = response.webSocket;
      if (socket === null) return;
      socket.accept();
      const relay = relaySocket(socket);
      this.#core.relayOpened(shard, relay);
      socket.addEventListener('message', event => this.#core.relayMessage(shard, String(event.data)));
      socket.addEventListener('close', () => this.#core.relayClosed(shard, relay));
      socket.addEventListener('error', () => this.#core.relayClosed(shard, relay));
    } catch (error) {
      // The shard notices the silence and asks again.
      console.warn(`hub ${this.#name} cannot dial ${shard}: ${String(error)}`);
    }
  }

  /** Round trip to the node in use, measured at most every few seconds. */
  #latency(): Promise<number | null> {
    const now = Date.now();
    if (this.#probe === null || now - this.#probe.at > PROBE_FRESH_MS)
      this.#probe = { at: now, latencyMs: this.#measure() };
    return this.#probe.latencyMs;
  }

  async #measure(): Promise<number | null> {
    const url = this.#core.upstream.source === '' ? this.#settings.ingestUrls[0]! : this.#core.upstream.source;
    const begin = performance.now();
    try {
      const response = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(FIRST_STATE_WAIT_MS / 3) });
      await response.body?.cancel();
      return performance.now() - begin;
    } catch {
      return null;
    }
  }

  #withToken(url: string): string {
    const { streamToken } = this.#settings;
    return streamToken === null ? url : `${url}?token=${encodeURIComponent(streamToken)}`;
  }
}

function relaySocket(socket: WebSocket): RelaySocket {
  return {
    send: text => {
      try {
        socket.send(text);
      } catch {
        // Its close is on the way.
      }
    },
    close: () => {
      try {
        socket.close(1000, 'let go');
      } catch {
        // It is closed already.
      }
    },
  };
}
