import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../../shared/base/clock.ts';
import { probeAsReader } from '../../shared/stream/redis/redis-probe.ts';
import { RedisSource } from '../../shared/stream/redis/redis-source.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { answerStateQuery, type StateAnswer, type StateKind } from '../../shared/stream/state-answer.ts';
import { WebSocketSource } from '../../shared/stream/websocket-source.ts';
import type { ActiveMode, InfraHealth, StreamPathState } from '../../shared/wire/service-info.ts';
import type { Env } from '../env.ts';
import { Checkup } from '../fan-out/checkup.ts';
import { edgePaths } from '../fan-out/edge-paths.ts';
import { edgeMode, type PathFacts, redisForReaders, viewHealth } from '../fan-out/health-view.ts';
import { HubCore } from '../fan-out/hub-core.ts';
import type { RelaySocket } from '../fan-out/hub-links.ts';
import { pathOfHub } from '../fan-out/hub-name.ts';
import { type NodeAnswer, NodeDocument } from '../fan-out/node-document.ts';
import { readSettings, type Settings } from '../settings.ts';
import { UpstashConnection } from './upstash-connection.ts';

/** How long a question waits for a hub that has just begun to follow. */
const FIRST_STATE_WAIT_MS = 3_000;
const NODE_TIMEOUT_MS = 3_000;
const INSTRUMENTS_FRESH_MS = 60_000;
/** Well before the 15 minutes for which the platform keeps an object because of an answer that goes on. */
const RENEW_EVERY_MS = 10 * 60_000;
/** Whatever happens to a path is known within three seconds: {@link CHECK.freshForMs} and as long as a question may take. */
const CHECK = { freshForMs: 1_000, withinMs: 800 };

/** A way to the stream: where it is read, and whether what is behind it answers. */
type Path = { readonly sources: readonly StreamSource[]; readonly checkup: Checkup };

/** What `/ws/info` tells of a hub. */
export type HubOverview = {
  readonly sessions: number;
  readonly mode: ActiveMode;
  readonly paths: readonly StreamPathState[];
};

/** One region's follower of the stream: sockets, RPC and the platform around {@link HubCore}, which decides. */
export class Hub extends DurableObject<Env> {
  readonly #settings: Settings;
  readonly #name: string;
  readonly #core: HubCore;
  readonly #instruments: NodeDocument;
  readonly #redis: Path | null;
  readonly #nodes: Path | null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#settings = readSettings(env);
    this.#name = ctx.id.name ?? 'local';
    const { ingestUrls, shardCapacity, hubPaceMs } = this.#settings;
    this.#redis = this.#openRedis();
    this.#nodes = pathOfHub(this.#name) === 'redis' ? null : this.#openNodes();
    this.#core = new HubCore({
      name: this.#name,
      clock: systemClock,
      sources: [...(this.#redis?.sources ?? []), ...(this.#nodes?.sources ?? [])],
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

  async overview(): Promise<HubOverview> {
    const redis = await factsOf(this.#redis);
    const { upstream, sessions } = this.#core;
    return { sessions, mode: edgeMode(upstream, redis), paths: edgePaths(redisForReaders(upstream, redis)) };
  }

  async state(kind: StateKind, search: string, ifNoneMatch: string | null): Promise<StateAnswer> {
    if (!(await this.#core.whenKnown(FIRST_STATE_WAIT_MS))) {
      const reason = this.#core.upstream.lastError ?? 'neither Redis nor an ingest node has answered yet';
      return { status: 503, code: 'noState', message: `there is no state to show: ${reason}` };
    }
    return answerStateQuery(kind, this.#core.log, new URLSearchParams(search), ifNoneMatch);
  }

  async instruments(): Promise<NodeAnswer> {
    return this.#instruments.get();
  }

  async health(): Promise<InfraHealth> {
    const [redis, ingest] = await Promise.all([
      factsOf(this.#redis),
      factsOf(this.#nodes),
      this.#core.whenKnown(FIRST_STATE_WAIT_MS / 3),
    ]);
    const { log, upstream } = this.#core;
    const { latest, position } = log;
    const shards = this.#core.shards();
    return viewHealth({ hub: this.#name, upstream, redis, ingest, position, events: latest.feeds(), shards });
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

  #openRedis(): Path | null {
    const { redis } = this.#settings;
    if (redis === null) return null;
    const connection = new UpstashConnection(redis);
    const checkup = new Checkup({ ask: () => probeAsReader(connection), clock: systemClock, ...CHECK });
    const onFault = (fault: string) => checkup.note(fault);
    const source = new RedisSource({
      connection,
      clock: systemClock,
      onFault,
      renewEveryMs: RENEW_EVERY_MS,
      onlyWhileWritten: true,
    });
    return { sources: [source], checkup };
  }

  #openNodes(): Path | null {
    const { ingestUrls } = this.#settings;
    const [best] = ingestUrls;
    if (best === undefined) return null;
    const address = (url: string) => this.#withToken(`${url.replace(/^http/, 'ws')}/ws/exchange`);
    const sources = ingestUrls.map(url => new WebSocketSource({ name: url, url: address(url) }));
    // The one in use, else the best.
    const ask = () => askNode(ingestUrls.find(url => url === this.#core.upstream.source) ?? best);
    return { sources, checkup: new Checkup({ ask, clock: systemClock, ...CHECK }) };
  }

  #withToken(url: string): string {
    const { streamToken } = this.#settings;
    return streamToken === null ? url : `${url}?token=${encodeURIComponent(streamToken)}`;
  }
}

async function factsOf(path: Path | null): Promise<PathFacts | null> {
  return path === null ? null : { sources: path.sources.map(source => source.name), check: await path.checkup.look() };
}

async function askNode(url: string): Promise<void> {
  const response = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(NODE_TIMEOUT_MS) }).catch(() => null);
  if (response === null) throw new Error(`${new URL(url).host} does not answer`);
  await response.body?.cancel();
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
