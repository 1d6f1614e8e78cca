import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { HEARTBEAT_INTERVAL_MS, type ServerMessage } from '../../shared/wire/messages.ts';
import type { InfraHealth } from '../../shared/wire/service-info.ts';
import { type IngestNode, startIngestNode } from '../bootstrap.ts';
import { readConfig } from '../config/config.ts';
import { DEFAULT_SESSION_BOUNDS } from '../distribution/session.ts';
import { SessionRegistry } from '../distribution/session-registry.ts';
import { StreamServer } from '../distribution/stream-server.ts';
import { ONLY, readBatch, SNAPSHOT_TOPIC, STREAM_TOPIC } from '../infrastructure/kafka-layout.ts';
import { KafkaService } from '../infrastructure/kafka-service.ts';
import { useKafka } from '../infrastructure/testing/suite-kafka.ts';
import { EPOCH, Leader, NOISE_MS, TOLD_WITHIN_MS } from '../infrastructure/testing/suite-world.ts';
import { controlSocketPath } from '../operations/control-server.ts';
import { silentLogger } from '../operations/logger.ts';
import { PathMirror } from './path-mirror.ts';

const WITHIN_MS = 20_000;
/** Each of 100 kB: more than the kernel holds between two sockets, and a session may be behind. */
const TURNS = 100;
const MARKETS = {
  exchange: 'upbit',
  channel: 'rest_market_all',
  direction: 'http',
  raw: '[{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin"}]',
};

/** What a browser hears, and of it the trades. */
class Listener {
  readonly socket: WebSocket;
  readonly messages: ServerMessage[] = [];
  /** Ids, in the order in which they came. */
  readonly trades: string[] = [];
  closedWith: number | null = null;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.on('message', data => {
      const message: ServerMessage = JSON.parse(String(data));
      this.messages.push(message);
      if (message.type !== 'batch') return;
      for (const event of message.events) if (event.type === 'trade') this.trades.push(event.id);
    });
    this.socket.on('close', code => {
      this.closedWith = code;
    });
    this.socket.on('error', () => {});
  }

  get losses(): number {
    return this.messages.filter(message => message.type === 'snapshot' && !message.recovered).length;
  }

  get heartbeats(): number {
    return this.messages.filter(message => message.type === 'batch' && message.first === message.next).length;
  }
}

function until(condition: () => boolean, timeout = WITHIN_MS): Promise<unknown> {
  return vi.waitUntil(condition, { timeout, interval: 10 });
}

describeWithService('kafka', 'a path mirror over a Kafka', () => {
  const suite = useKafka();
  const stops: (() => Promise<unknown> | unknown)[] = [];

  afterEach(async () => {
    suite.kafka.thaw();
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  function listen(url: string): Listener {
    const listener = new Listener(url);
    stops.push(() => listener.socket.terminate());
    return listener;
  }

  describe('of a node', () => {
    let node: IngestNode;
    let dataDir: string;
    let serial = 0;

    beforeEach(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'mirror-'));
      stops.push(() => rm(dataDir, { recursive: true, force: true }));
      const read = readConfig(
        { INGEST_PORT: '0', DATA_DIR: dataDir, KAFKA_BROKERS: suite.kafka.brokers },
        { nodeId: 'node-1' },
      );
      if (!read.ok) throw new Error(read.faults.join());
      const config = { ...read.config, exchanges: [] };
      node = await startIngestNode({ config, logger: silentLogger, host: '127.0.0.1' });
      stops.push(() => node.stop());
      await vi.waitUntil(async () => (await stateOf('kafka')) === 'up', { timeout: WITHIN_MS });
      await replay([MARKETS]);
      await vi.waitUntil(isStored, { timeout: WITHIN_MS, interval: 50 });
    });

    /** Where a mirror begins: whoever comes before that has to come again. */
    async function isStored(): Promise<boolean> {
      const connection = suite.connect();
      const ends = [STREAM_TOPIC, SNAPSHOT_TOPIC].map(topic => connection.end(topic, ONLY).catch(() => 0));
      const isThere = (await Promise.all(ends)).every(end => end > 0);
      connection.close();
      return isThere;
    }

    const listenTo = (path: string) => listen(`ws://127.0.0.1:${node.port}${path}`);

    async function stateOf(name: string): Promise<string | undefined> {
      const health = (await (await fetch(`${node.url}/api/ws/infra-health`)).json()) as InfraHealth;
      return health.components.find(component => component.name === name)?.state;
    }

    function replay(records: readonly object[]): Promise<unknown> {
      const socketPath = controlSocketPath(dataDir);
      return new Promise((resolve, reject) => {
        const call = request({ socketPath, method: 'POST', path: '/replay?label=test' }, answer => {
          answer.resume();
          answer.on('end', resolve);
        });
        call.on('error', reject);
        call.end(records.map(record => JSON.stringify(record)).join('\n'));
      });
    }

    /** @returns the trades' ids */
    async function happen(count: number): Promise<string[]> {
      const ids = Array.from({ length: count }, () => `${1_790_000_000_000_000 + serial++}`);
      const frame = (id: string) =>
        `{"type":"trade","code":"KRW-BTC","timestamp":1790000000500,"trade_date":"2026-09-21","trade_time":"14:13:20","trade_timestamp":1790000000417,"trade_price":91234000.0,"trade_volume":7.9276E-4,"ask_bid":"BID","prev_closing_price":91000000.0,"change":"RISE","change_price":1.0,"sequential_id":${id},"stream_type":"REALTIME"}`;
      await replay(ids.map(id => ({ exchange: 'upbit', channel: 'trade', direction: 'recv', raw: frame(id) })));
      return ids;
    }

    test('what a client of /ws/kafka hears was read back from the broker, each trade once and in order', async () => {
      const [direct, mirrored] = [listenTo('/ws/exchange'), listenTo('/ws/kafka')];
      await until(() => [direct, mirrored].every(({ messages }) => messages.some(({ type }) => type === 'snapshot')));
      const ids: string[] = [];
      for (let turn = 0; turn < 10; turn++) ids.push(...(await happen(20)));
      await until(() => mirrored.trades.length >= ids.length && direct.trades.length >= ids.length);
      expect([mirrored.trades, direct.trades, mirrored.losses]).toEqual([ids, ids, 0]);
      const connection = suite.connect();
      const { records } = await connection.fetch(STREAM_TOPIC, ONLY, 0, { waitMs: 0, maxBytes: 8e6 });
      const stored = records.flatMap(({ value }) => readBatch(value)?.events ?? []);
      expect(stored.flatMap(event => (event.type === 'trade' ? [event.id] : []))).toEqual(ids);
      await until(() => mirrored.heartbeats > 0);
    }, 60_000);

    test('a broker that is frozen stops this path alone, within three seconds told, and nothing is lost', async () => {
      const [direct, mirrored] = [listenTo('/ws/exchange'), listenTo('/ws/kafka')];
      await until(() => [direct, mirrored].every(({ messages }) => messages.some(({ type }) => type === 'snapshot')));
      const ids = await happen(10);
      await until(() => mirrored.trades.length === 10);
      suite.kafka.freeze();
      const frozenAt = performance.now();
      const during: string[] = [];
      await vi.waitUntil(
        async () => {
          during.push(...(await happen(1)));
          return (await stateOf('kafka')) === 'down';
        },
        { timeout: TOLD_WITHIN_MS + NOISE_MS, interval: 50 },
      );
      const toldMs = performance.now() - frozenAt;
      const [refusedUpgrade, refused] = await Promise.all([
        once(new WebSocket(`ws://127.0.0.1:${node.port}/ws/kafka`), 'unexpected-response'),
        fetch(`${node.url}/ws/kafka`),
      ]);
      refusedUpgrade[0].destroy();
      expect([refusedUpgrade[1].statusCode, refused.status]).toEqual([503, 503]);
      expect(await refused.json()).toMatchObject({ error: { code: 'unavailable' }, fallback: '/ws/exchange' });
      // Whoever is there is told to stay.
      await until(() => mirrored.messages.some(each => each.type === 'status' && each.upstream === 'seeking'));
      during.push(...(await happen(10)));
      await until(() => direct.trades.length === ids.length + during.length);
      expect([direct.trades, mirrored.trades]).toEqual([[...ids, ...during], ids]);
      suite.kafka.thaw();
      const thawedAt = performance.now();
      await until(() => mirrored.trades.length >= ids.length + during.length);
      const healedMs = performance.now() - thawedAt;
      const after = await happen(10);
      await until(() => mirrored.trades.length >= ids.length + during.length + after.length);
      expect(mirrored.trades).toEqual([...ids, ...during, ...after]);
      expect([mirrored.losses, mirrored.closedWith, direct.closedWith]).toEqual([0, null, null]);
      console.log(
        `Kafka frozen: told ${toldMs.toFixed(0)} ms, all of it there ${healedMs.toFixed(0)} ms after it ran again`,
      );
    }, 60_000);
  });

  test('[SLO1] a client that does not read is treated as on /ws/exchange, and holds nobody up', async () => {
    const bounds = { ...DEFAULT_SESSION_BOUNDS, maxLagBytes: 1024 * 1024 };
    const service = new KafkaService({ brokers: [suite.kafka.brokers], clock: systemClock });
    const leader = new Leader(service);
    const exchange = new SessionRegistry({ server: 'node-1', log: leader.log, clock: systemClock, bounds });
    exchange.setUpstream('live');
    const mirror = new PathMirror({ server: 'node-1', source: service.source, clock: systemClock, bounds });
    const streams = new StreamServer({
      sessions: exchange,
      sessionsAt: ({ pathname }) => (pathname === '/ws/kafka' ? mirror.sessions : exchange),
      refuse: () => null,
    });
    const http = createServer();
    http.on('upgrade', (asked, socket, head) => streams.upgrade(asked, socket, head));
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    const beating = setInterval(() => {
      service.heartbeat();
      exchange.heartbeat();
    }, HEARTBEAT_INTERVAL_MS);
    stops.push(async () => {
      clearInterval(beating);
      mirror.stop();
      exchange.stop();
      await streams.stop();
      http.close();
      await service.stop();
    });
    leader.lead(EPOCH);
    await leader.flushed();
    mirror.need();
    const url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const [well, slow, slowThere] = ['/ws/kafka', '/ws/kafka', '/ws/exchange'].map(path => listen(url + path)) as [
      Listener,
      Listener,
      Listener,
    ];
    await until(() =>
      [well, slow, slowThere].every(({ messages }) => messages.some(({ type }) => type === 'snapshot')),
    );
    slow.socket.pause();
    slowThere.socket.pause();
    // Trades, which nothing replaces, so large that the kernel's buffers are full soon.
    const ids: string[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      const large = Array.from({ length: 10 }, () => trade('BTC/KRW', { id: `${ids.length}`.padStart(10_000, '0') }));
      leader.seal(...large);
      ids.push(...large.map(({ id }) => id));
      await until(() => well.trades.length >= ids.length - 50);
    }
    await until(() => well.trades.length >= ids.length);
    expect([well.trades, well.losses, well.closedWith]).toEqual([ids, 0, null]);
    for (const each of [slow, slowThere]) each.socket.resume();
    await until(() => slow.losses === 1 && slowThere.losses === 1);
    leader.seal(trade('BTC/KRW', { id: 'the last' }));
    await until(() => [well, slow, slowThere].every(({ trades }) => trades.at(-1) === 'the last'));
    // They were sent less, told so, and could stay.
    for (const { trades, losses, closedWith } of [slow, slowThere]) {
      expect([trades.includes(ids.at(-1)!), losses, closedWith]).toEqual([false, 1, null]);
    }
    expect(well.heartbeats).toBeGreaterThan(0);
  }, 60_000);
});
