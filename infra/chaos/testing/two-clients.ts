import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { startIngestNode } from '../../../ingest-node/bootstrap.ts';
import { readConfig } from '../../../ingest-node/config/config.ts';
import { AwakeClock } from '../../../ingest-node/conversion/awake-clock.ts';
import { silentLogger } from '../../../ingest-node/operations/logger.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import type { Trade } from '../../../shared/model/market-event.ts';
import { ResilientSource } from '../../../shared/stream/resilient-source.ts';
import { WebSocketSource } from '../../../shared/stream/websocket-source.ts';
import { decodeMessage } from '../../../shared/wire/json-codec.ts';
import { comparePositions, type Position } from '../../../shared/wire/position.ts';
import { Prng } from '../../exchange-simulator/market/prng.ts';
import { startSimulator } from '../../exchange-simulator/simulator.ts';
import type { TruthTrade } from '../../exchange-simulator/truth-log.ts';
import { startEdge } from '../../local/edge-dev-server.ts';
import { DeliveryRecorder } from '../delivery-recorder.ts';
import { checkStream } from '../stream-checker.ts';
import type { SealedBatch } from '../stream-reference.ts';
import { TcpProxy } from '../tcp-proxy.ts';

export type TwoClientsOptions = {
  readonly seconds: number;
  readonly instruments: number;
  readonly eventsPerSecond: number;
  /** Mean time between two cuts of one link. */
  readonly meanMsBetweenCuts: number;
  readonly seed: number;
  /** What the line of the squeezed client passes; it takes the kernel's buffers, several megabytes, to be felt. */
  readonly squeezedBytesPerSecond: number;
  /** Whether the run is long enough for that. */
  readonly expectsConflation: boolean;
};

/**
 * Rule HB1: heartbeats come every half a second, and three that are missing mean that the path is dead. So a client whose
 * path was cut hears of the next one soon after.
 */
const MAX_SILENCE_MS = 3_000;

const wait = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));

/**
 * Two clients follow the stream, one on the node and one at the edge, while the links of both and the edge's own link to
 * the node are cut at random; a third hangs on a line that is too narrow. Afterwards what each of them was given is judged against everything that was sealed, and
 * what was sealed against what really happened at the exchanges.
 */
export async function runTwoClients(options: TwoClientsOptions): Promise<void> {
  const stops: (() => Promise<unknown> | unknown)[] = [];
  try {
    await follow(options, stops);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

async function follow(options: TwoClientsOptions, stops: (() => Promise<unknown> | unknown)[]): Promise<void> {
  const { seconds, instruments, eventsPerSecond, meanMsBetweenCuts, seed } = options;
  const directory = await mkdtemp(join(tmpdir(), 'two-clients-'));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  const simulator = await startSimulator({ instruments, eventsPerSecond, seed });
  stops.push(() => simulator.stop());
  const settings = readConfig(
    { INGEST_PORT: '0', DATA_DIR: directory, EXCHANGE_SIMULATOR_URL: simulator.url },
    { nodeId: 'node-1' },
  );
  if (!settings.ok) throw new Error(settings.faults.join());
  const sealed: SealedBatch[] = [];
  const node = await startIngestNode({ config: settings.config, logger: silentLogger, host: '127.0.0.1' });
  stops.push(() => node.stop());
  const take = () => {
    const { ring } = node.log;
    for (let number = Math.max(ring.start, sealed.length); number < ring.end; number++)
      sealed.push(ring.at(number)!.batch);
  };
  stops.push(node.log.onChange(take));
  take();

  const links = { hub: await proxy(node.port), node: await proxy(node.port) } as Record<string, Link>;
  const edge = await startEdge({
    port: 0,
    ingestUrls: [`http://127.0.0.1:${links['hub']!.port}`],
    dashboardDir: join(directory, 'page'),
    log: () => {},
  });
  stops.push(() => edge.stop());
  links['edge'] = await proxy(Number(new URL(edge.url).port));

  // All of this lives in one process: when it sleeps, nobody is silent.
  const awake = new AwakeClock(systemClock);
  awake.start();
  stops.push(() => awake.stop());
  const clients = {
    node: client(links['node']!.port, awake, stops),
    edge: client(links['edge'].port, awake, stops),
  };
  const narrow = await proxy(node.port);
  narrow.proxy.squeeze(options.squeezedBytesPerSecond);
  const squeezed = squeezedClient(narrow.port, stops);
  const prng = new Prng(seed);
  const until = performance.now() + seconds * 1000;
  const cuts = { hub: 0, node: 0, edge: 0 } as Record<string, number>;
  await Promise.all(
    Object.entries(links).map(async ([name, link]) => {
      for (;;) {
        const pause = -Math.log(1 - prng.unit()) * meanMsBetweenCuts;
        if (performance.now() + pause > until) return;
        await wait(pause);
        if (link.proxy.links > 0) cuts[name]!++;
        link.proxy.cut();
      }
    }),
  );
  await wait(Math.max(0, until - performance.now()));

  // Everything that was sealed until now must still reach both.
  const end = node.log.position;
  narrow.proxy.squeeze(Number.POSITIVE_INFINITY);
  await expect
    .poll(() => squeezed.closed() ?? isAtOrAfter(squeezed.recorder.position, end), { timeout: 60_000 })
    .toBe(true);
  const hasAll = ({ source }: Client) => isAtOrAfter(source.position, end);
  await expect.poll(() => Object.values(clients).every(hasAll), { timeout: 20_000 }).toBe(true);
  const lastIndex = simulator.truth.lastIndex;
  await expect.poll(() => missing(simulator.truth.trades(), sealed, lastIndex).length, { timeout: 10_000 }).toBe(0);

  const figures: Record<string, unknown>[] = [];
  for (const [name, { recorder, source }] of Object.entries(clients)) {
    const report = checkStream({
      reference: sealed,
      deliveries: recorder.deliveries,
      maxSilenceMs: MAX_SILENCE_MS,
    });
    expect(report.violations, `what the client on the ${name} was given`).toEqual([]);
    expect(source.counters.lost).toBe(0);
    const { events, trades, batches, snapshots, longestSilenceMs } = report.figures;
    const { opened, holes } = source.counters;
    figures.push({
      client: name,
      events,
      trades,
      batches,
      snapshots,
      opened,
      holes,
      longestSilenceMs: Math.round(longestSilenceMs),
    });
  }
  const squeezedReport = checkStream({ reference: sealed, deliveries: squeezed.recorder.deliveries });
  expect(squeezedReport.violations, 'what the squeezed client was given').toEqual([]);
  const { covered, delivered } = coverageOf(squeezed.recorder);
  figures.push({ client: 'squeezed', covered, delivered, trades: squeezedReport.figures.trades });
  if (options.expectsConflation) expect(delivered).toBeLessThan(covered);
  expect(invented(simulator.truth.trades(), sealed)).toEqual([]);
  const seen = sealed.reduce((sum, { events }) => sum + events.length, 0);
  console.log(
    `two clients, ${seconds} s, seed ${seed}: ${seen} events in ${sealed.length} batches sealed; cuts ${JSON.stringify(cuts)}\n` +
      figures.map(row => `  ${JSON.stringify(row)}`).join('\n'),
  );

  async function proxy(port: number): Promise<Link> {
    const made = new TcpProxy({ host: '127.0.0.1', port });
    stops.push(() => made.stop());
    return { proxy: made, port: await made.listen() };
  }
}

type Link = { readonly proxy: TcpProxy; readonly port: number };
type Client = { readonly source: ResilientSource; readonly recorder: DeliveryRecorder };

function client(port: number, awake: AwakeClock, stops: (() => unknown)[]): Client {
  const recorder = new DeliveryRecorder(() => awake.now());
  const source = new ResilientSource({
    sources: [new WebSocketSource({ url: `ws://127.0.0.1:${port}/ws/exchange` })],
    onBatch: batch => recorder.batch(batch),
    onSnapshot: snapshot => recorder.snapshot(snapshot),
    onHeartbeat: position => recorder.heartbeat(position),
  });
  source.start();
  stops.push(() => source.stop());
  return { source, recorder };
}

/** One connection for the whole run, as it came: a consumer that does not mind waiting. */
function squeezedClient(
  port: number,
  stops: (() => unknown)[],
): { recorder: DeliveryRecorder; closed: () => string | null } {
  let closed: string | null = null;
  const recorder = new DeliveryRecorder(() => performance.now());
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws/exchange`);
  socket.addEventListener('message', ({ data }) => {
    const decoded = decodeMessage(String(data));
    if (decoded.ok) recorder.message(decoded.message);
  });
  socket.addEventListener('close', ({ code, reason }) => {
    closed = `closed with ${code} ${reason}`;
  });
  stops.push(() => socket.close());
  return { recorder, closed: () => closed };
}

/** How many offsets its batches cover, and how many events were in them. */
function coverageOf({ deliveries }: DeliveryRecorder): { covered: number; delivered: number } {
  const batches = deliveries.filter(delivery => delivery.kind === 'batch');
  return {
    covered: batches.reduce((sum, { first, next }) => sum + next - first, 0),
    delivered: batches.reduce((sum, { events }) => sum + events.length, 0),
  };
}

function isAtOrAfter(position: Position | null, end: Position): boolean {
  return position !== null && comparePositions(position, end) >= 0;
}

const nameOf = ({ exchange, symbol, id }: Trade | TruthTrade) => `${exchange} ${symbol} ${id}`;
const tell = (trade: Trade | TruthTrade) =>
  [nameOf(trade), trade.price, trade.size, trade.takerSide, trade.exchangeTime].join(' ');

function tradesOf(sealed: readonly SealedBatch[]): Trade[] {
  return sealed.flatMap(({ events }) => events.filter(event => event.type === 'trade'));
}

/** Trades that the exchanges sent us and that were not sealed, or not digit for digit. */
function missing(truth: readonly TruthTrade[], sealed: readonly SealedBatch[], lastIndex: number): TruthTrade[] {
  const told = new Set(tradesOf(sealed).map(tell));
  return truth.filter(trade => trade.deliveries > 0 && trade.index <= lastIndex && !told.has(tell(trade)));
}

/** Trades that were sealed and never happened so. */
function invented(truth: readonly TruthTrade[], sealed: readonly SealedBatch[]): Trade[] {
  const happened = new Set(truth.map(tell));
  return tradesOf(sealed).filter(trade => !happened.has(tell(trade)));
}
