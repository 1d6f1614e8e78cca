/** A whole node with a simulator for exchanges: what an operator changes is seen by clients, and by nobody else's feed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Simulator, startSimulator } from '../../infra/exchange-simulator/simulator.ts';
import type { TruthTrade } from '../../infra/exchange-simulator/truth-log.ts';
import type { FeedState, MarketEvent, Ticker, Trade } from '../../shared/model/market-event.ts';
import { ResilientSource } from '../../shared/stream/resilient-source.ts';
import { WebSocketSource } from '../../shared/stream/websocket-source.ts';
import { type IngestNode, startIngestNode } from '../bootstrap.ts';
import { readConfig } from '../config/config.ts';
import { silentLogger } from '../operations/logger.ts';

const TOKEN = 'admin-token-of-this-test';
const EXCHANGES = ['binance', 'upbit', 'bithumb'] as const;
const UNAFFECTED = ['binance', 'bithumb'] as const;
const PATIENCE = { timeout: 20_000, interval: 20 };
const WITHIN_MS = 2_000;

let dataDir: string;
let simulator: Simulator;
let node: IngestNode;
let client: ResilientSource;
/** What one client has seen. */
const trades: Trade[] = [];
const feeds: FeedState[] = [];
const tickers: Ticker[] = [];
let lost = 0;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'settings-live-'));
  const instruments = { binance: 6, upbit: 6, bithumb: 6, coinone: 1 };
  simulator = await startSimulator({ instruments, eventsPerSecond: 900 });
  const config = readConfig(
    { INGEST_PORT: '0', DATA_DIR: dataDir, ADMIN_TOKEN: TOKEN, EXCHANGE_SIMULATOR_URL: simulator.url },
    { nodeId: 'node-1' },
  );
  if (!config.ok) throw new Error(config.faults.join());
  node = await startIngestNode({ config: config.config, logger: silentLogger, host: '127.0.0.1' });
  client = new ResilientSource({
    sources: [new WebSocketSource({ url: `ws://127.0.0.1:${node.port}/ws/exchange` })],
    onBatch: ({ events }) => take(events),
    onSnapshot: ({ events, recovered }) => {
      if (!recovered) lost += 1;
      take(events);
    },
  });
  client.start();
  const eth = (exchange: string) => (exchange === 'binance' ? 'ETH/USDT' : 'ETH/KRW');
  const isTraded = (name: string) => receivedSince(0, name, eth(name)).length > 0;
  await vi.waitUntil(() => EXCHANGES.every(isTraded), PATIENCE);
  // The first snapshot has nothing to recover from.
  lost = 0;
}, 40_000);

afterAll(async () => {
  client?.stop();
  await node?.stop();
  await simulator?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function take(events: readonly MarketEvent[]): void {
  for (const event of events) {
    if (event.type === 'trade') trades.push(event);
    if (event.type === 'feed' && !event.key.endsWith('-backfill')) feeds.push(event);
    if (event.type === 'ticker') tickers.push(event);
  }
}

function put(path: string, document: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${node.url}/api/settings${path}`, {
    method: 'PUT',
    headers: { Authorization: `Bearer ${TOKEN}`, 'If-Match': '*', ...headers },
    body: JSON.stringify(document),
  });
}

/** Every socket of the exchanges that nothing is changed at: the same ones as before, and none besides. */
function unaffectedSockets() {
  const { exchanges } = simulator.stats();
  return UNAFFECTED.map(name => ({
    name,
    connects: exchanges[name].connects,
    sockets: exchanges[name].sockets.map(({ id, openedTime, subscriptions }) => ({ id, openedTime, subscriptions })),
  }));
}

const nameOf = ({ exchange, symbol, exchangeTime, price, size, takerSide }: Trade | TruthTrade) =>
  `${exchange} ${symbol} ${exchangeTime} ${price} ${size} ${takerSide}`;

/** Trades that happened after this one and have not come, of these markets. */
function missedSince(index: number, counts: (trade: TruthTrade) => boolean): string[] {
  const until = Date.now() - 1_000;
  const happened = simulator.truth.trades({ afterIndex: index }).filter(trade => trade.exchangeTime < until);
  const came = new Set(trades.map(nameOf));
  return happened.filter(counts).flatMap(trade => (came.has(nameOf(trade)) ? [] : [nameOf(trade)]));
}

const receivedSince = (time: number, exchange: string, symbol: string) =>
  trades.filter(trade => trade.exchange === exchange && trade.symbol === symbol && trade.receivedTime > time);

test('a market that is disabled falls silent within 2 s, and nobody else is disturbed, nor when it comes back', async () => {
  const from = simulator.truth.lastIndex;
  const sockets = unaffectedSockets();
  const feedsBefore = feeds.length;
  const putAt = Date.now();
  const disabled = await put('/exchanges/upbit', { markets: { except: ['ETH/KRW'] } });
  expect([disabled.status, await disabled.json()]).toMatchObject([200, { markets: { except: ['ETH/KRW'] } }]);
  const silentFrom = putAt + WITHIN_MS;
  // Many more trades than it would take, on both sides of the two seconds.
  await expect.poll(() => receivedSince(silentFrom, 'upbit', 'BTC/KRW').length, PATIENCE).toBeGreaterThan(20);
  await expect.poll(() => receivedSince(silentFrom, 'bithumb', 'ETH/KRW').length, PATIENCE).toBeGreaterThan(5);
  expect(receivedSince(silentFrom, 'upbit', 'ETH/KRW')).toEqual([]);
  const last = Math.max(putAt, ...receivedSince(putAt, 'upbit', 'ETH/KRW').map(({ receivedTime }) => receivedTime));
  console.log(`a disabled market was silent after ${(last - putAt).toFixed(0)} ms`);
  const subscribed = () => simulator.stats().exchanges.upbit.sockets.map(({ subscriptions }) => subscriptions['trade']);
  await expect.poll(subscribed, PATIENCE).toEqual([5]);

  const backAt = Date.now();
  expect((await put('/exchanges/upbit', {})).status).toBe(200);
  await expect.poll(() => receivedSince(backAt, 'upbit', 'ETH/KRW').length, PATIENCE).toBeGreaterThan(0);
  await expect.poll(subscribed, PATIENCE).toEqual([6]);

  expect(unaffectedSockets()).toEqual(sockets);
  expect(feeds.slice(feedsBefore).filter(({ exchange }) => exchange !== 'upbit')).toEqual([]);
  const isUnaffected = ({ exchange, symbol }: TruthTrade) =>
    exchange !== 'coinone' && !(exchange === 'upbit' && symbol === 'ETH/KRW');
  await expect.poll(() => missedSince(from, isUnaffected), PATIENCE).toEqual([]);
  expect(lost).toBe(0);
}, 60_000);

test('a whole exchange and a kind of data are switched off and on again, the others stay', async () => {
  const sockets = unaffectedSockets();
  await put('/exchanges/upbit', { enabled: false });
  await expect.poll(() => simulator.stats().exchanges.upbit.sockets, PATIENCE).toEqual([]);
  expect((await put('/exchanges/upbit', { channels: { ticker: false } })).status).toBe(200);
  const backAt = Date.now();
  await expect.poll(() => receivedSince(backAt, 'upbit', 'BTC/KRW').length, PATIENCE).toBeGreaterThan(10);
  const tickersSince = () =>
    tickers.filter(({ exchange, receivedTime }) => exchange === 'upbit' && receivedTime > backAt).length;
  expect(tickersSince()).toBe(0);
  await put('/exchanges/upbit', {});
  await expect.poll(tickersSince, PATIENCE).toBeGreaterThan(0);
  expect(unaffectedSockets()).toEqual(sockets);
}, 60_000);

test('without the token, or with faults, nothing is changed', async () => {
  const before = (await fetch(`${node.url}/api/settings`, { headers: { Authorization: `Bearer ${TOKEN}` } })).headers;
  for (const Authorization of ['', 'Bearer wrong']) {
    expect((await put('/switches', { redis: false }, { Authorization })).status).toBe(401);
    expect((await fetch(`${node.url}/api/settings`, { headers: { Authorization } })).status).toBe(401);
  }
  const slip = await put('/exchanges/upbit', { markets: { except: ['ETH/KWR', 'ETC'] }, enable: false });
  expect(slip.status).toBe(400);
  expect(((await slip.json()) as { error: { faults: string[] } }).error.faults).toEqual([
    'upbit: unknown field "enable"; known are enabled, markets, channels',
    'upbit.markets.except[1]: "ETC" is not a symbol like BTC/KRW',
    'upbit does not list ETH/KWR',
  ]);
  const after = await fetch(`${node.url}/api/settings`, { headers: { Authorization: `Bearer ${TOKEN}` } });
  expect(after.headers.get('etag')).toBe(before.get('etag'));
});
