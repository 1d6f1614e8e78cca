import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { MarketEvent, OrderBook, Ticker, Trade, TradeGap } from '../../../shared/model/market-event.ts';
import { LatestState } from '../../../shared/stream/latest-state.ts';
import { ResilientSource } from '../../../shared/stream/resilient-source.ts';
import { WebSocketSource } from '../../../shared/stream/websocket-source.ts';
import type { InfraHealth } from '../../../shared/wire/service-info.ts';
import { Prng } from '../../exchange-simulator/market/prng.ts';
import type { TruthBook, TruthTicker, TruthTrade } from '../../exchange-simulator/truth-log.ts';

export type FullSizeOptions = {
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly meanMsBetweenFaults: number;
  readonly seed: number;
};

const SIMULATOR = fileURLToPath(new URL('../../exchange-simulator/main.ts', import.meta.url));
const NODE = fileURLToPath(new URL('./measured-node.ts', import.meta.url));
const wait = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));

const SUBSCRIBING_MS = 15_000;
const READING_BACK_MS = 300_000;

type Sample = { rssMb: number; heapMb: number; cpuSeconds: number; delayP99Ms: number; delayMaxMs: number };

/** Faults of an exchange's bad day; each ends by itself. */
const FAULTS: readonly ((exchange: string) => object)[] = [
  exchange => ({ fault: 'drop', exchange }),
  exchange => ({ fault: 'drop', exchange, count: 1 }),
  exchange => ({ fault: 'stall', exchange, ms: 4_000 }),
  exchange => ({ fault: 'errorFrame', exchange }),
  exchange => ({ fault: 'refuse', exchange, ms: 3_000, how: 'http503' }),
  () => ({ fault: 'serverShutdown', closeAfterMs: 2_000 }),
];
const STRUCK = ['binance', 'upbit', 'bithumb'];

/**
 * The whole market of the three exchanges through one node in a process of its own, with faults throughout and one
 * client. Afterwards every trade that happened must have reached the client or lie within a declared gap, the last books
 * and tickers must be the true ones, no limit that leads to a ban may have been crossed, and the node's memory and delay
 * are told beside those of an idle process.
 */
export async function runFullSize(options: FullSizeOptions): Promise<void> {
  const stops: (() => Promise<unknown> | unknown)[] = [];
  try {
    await run(options, stops);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

async function run(options: FullSizeOptions, stops: (() => Promise<unknown> | unknown)[]): Promise<void> {
  const { seconds, eventsPerSecond, meanMsBetweenFaults, seed } = options;
  const directory = await mkdtemp(join(tmpdir(), 'full-size-'));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  const simulatorArguments = `--full-size --port 0 --seed ${seed} --events-per-second ${eventsPerSecond}`;
  const simulator = child([SIMULATOR, ...simulatorArguments.split(' ')], {}, stops);
  const simulatorUrl = /http:\S+/.exec(await firstLine(simulator))![0];
  const idle = child([NODE, '--idle'], {}, stops);
  const idleSamples = samplesOf(idle);
  const node = child(
    [NODE],
    { INGEST_PORT: '0', DATA_DIR: directory, EXCHANGE_SIMULATOR_URL: simulatorUrl, LOG_LEVEL: 'error' },
    stops,
  );
  const nodeUrl = (JSON.parse(await firstLine(node)) as { url: string }).url;
  const nodeSamples = samplesOf(node);

  const client = new Client(`${nodeUrl.replace(/^http/, 'ws')}/ws/exchange`);
  stops.push(() => client.stop());
  await expect.poll(() => allLive(nodeUrl), { timeout: 60_000, interval: 200 }).toBe(true);
  // A feed is live with its first data; the last of its subscriptions is acknowledged some seconds later.
  await wait(SUBSCRIBING_MS);
  const began = client.markBeginning();

  const prng = new Prng(seed);
  const until = performance.now() + seconds * 1000;
  let struck = 0;
  while (performance.now() < until) {
    await wait(Math.min(-Math.log(1 - prng.unit()) * meanMsBetweenFaults, Math.max(0, until - performance.now())));
    const fault = FAULTS[prng.uint32() % FAULTS.length]!(STRUCK[prng.uint32() % STRUCK.length]!);
    const answer = await fetch(`${simulatorUrl}/control/faults`, { method: 'POST', body: JSON.stringify(fault) });
    if (!answer.ok) throw new Error(`${JSON.stringify(fault)}: ${await answer.text()}`);
    struck++;
  }

  // The bad day is over: everything becomes live again, and what was missed comes in.
  await expect.poll(() => allLive(nodeUrl), { timeout: 120_000, interval: 500 }).toBe(true);
  const lastIndex = (await rows<TruthTrade>(`${simulatorUrl}/control/truth/trades?limit=1&afterIndex=-1`)).length;
  expect(lastIndex).toBeGreaterThan(0);
  const calmSince = performance.now();
  const missing = async () => {
    const names = await client.missing(simulatorUrl, began);
    const backfill = (await healthOf(nodeUrl)).tradeBackfill ?? [];
    const told = backfill.map(({ exchange, ...counts }) => `${exchange} ${JSON.stringify(counts)}`);
    console.log(`${((performance.now() - calmSince) / 1000).toFixed(0)} s after the faults: ${told.join(' ')}`);
    return names;
  };
  // Half of Upbit's ten requests a second for its 855 markets: reading all of them back takes 171 s at best.
  await expect.poll(missing, { timeout: READING_BACK_MS, interval: 15_000 }).toEqual([]);
  await expect.poll(() => client.disagreements(simulatorUrl), { timeout: 60_000, interval: 50 }).toEqual([]);
  expect(client.twice).toEqual([]);
  expect(client.lost).toBe(0);

  const bans = (await (await fetch(`${simulatorUrl}/control/bans`)).json()) as { total?: number };
  const warm = nodeSamples.slice(Math.floor(nodeSamples.length / 4));
  const quarter = Math.floor(warm.length / 3);
  const early = mean(warm.slice(0, quarter).map(({ heapMb }) => heapMb));
  const late = mean(warm.slice(-quarter).map(({ heapMb }) => heapMb));
  const p99 = (samples: readonly Sample[]) =>
    quantile(
      samples.map(({ delayP99Ms }) => delayP99Ms),
      0.5,
    );
  const last = nodeSamples.at(-1)!;
  console.log(
    `full size, ${seconds} s, seed ${seed}: ${client.instruments} instruments, ${struck} faults, ` +
      `${client.events} events, ${client.trades} trades (${client.backfilled} backfilled), ${client.gaps.length} gaps declared\n` +
      `  node: ${(100 * last.cpuSeconds) / nodeSamples.length} % of a core, heap ${early.toFixed(0)} → ${late.toFixed(0)} MB, ` +
      `rss ${last.rssMb.toFixed(0)} MB, event-loop delay p99 ${p99(warm).toFixed(1)} ms (idle process ${p99(idleSamples).toFixed(1)} ms)\n` +
      `  bans: ${JSON.stringify(bans)}`,
  );
  expect(bans.total).toBe(0);
  expect(late).toBeLessThan(early * 1.25);
}

/** One consumer that keeps what is needed to judge it afterwards. */
class Client {
  readonly #source: ResilientSource;
  readonly #latest = new LatestState();
  readonly #told = new Map<string, string>();
  readonly #fetched = new Set<string>();
  readonly gaps: TradeGap[] = [];
  readonly twice: string[] = [];
  readonly #agreed = new Set<string>();
  #beganAt = 0;
  events = 0;
  trades = 0;
  backfilled = 0;
  lost = 0;

  constructor(url: string) {
    this.#source = new ResilientSource({
      sources: [new WebSocketSource({ url })],
      onBatch: ({ events }) => {
        for (const event of events) this.#take(event);
      },
      onSnapshot: ({ events, recovered }) => {
        if (!recovered) this.lost++;
        this.#latest.reset(events);
      },
    });
    this.#source.start();
  }

  stop(): void {
    this.#source.stop();
  }

  get instruments(): number {
    return new Set(this.#latest.events().map(({ exchange, symbol }) => `${exchange} ${symbol}`)).size;
  }

  /** From here on every trade counts. */
  markBeginning(): number {
    this.#beganAt = Date.now();
    return this.#beganAt;
  }

  /** Trades that the exchanges carried out since the beginning, which neither came nor lie within a declared gap. */
  async missing(simulatorUrl: string, began: number): Promise<string[]> {
    const settled = Date.now() - 10_000;
    const missing: string[] = [];
    for (const exchange of STRUCK) {
      for (const trade of await rows<TruthTrade>(`${simulatorUrl}/control/truth/trades?exchange=${exchange}`)) {
        if (trade.exchangeTime < began || trade.exchangeTime > settled) continue;
        if (this.#told.get(nameOf(trade)) === tell(trade)) continue;
        // Trades that were fetched afterwards have ids of another space at Bithumb: they are known by what they say.
        if (exchange === 'bithumb' && this.#fetched.delete(`${trade.symbol} ${tell(trade)}`)) {
          this.#told.set(nameOf(trade), tell(trade));
          continue;
        }
        if (!this.gaps.some(gap => covers(gap, trade))) missing.push(`${nameOf(trade)} ${tell(trade)}`);
        if (missing.length > 20) return missing;
      }
    }
    return missing;
  }

  /** Instruments whose book or ticker has not been seen to be the true one since the faults ended. */
  async disagreements(simulatorUrl: string): Promise<string[]> {
    const [books, tickers] = await Promise.all([
      rows<TruthBook>(`${simulatorUrl}/control/truth/books?limit=5`),
      rows<TruthTicker>(`${simulatorUrl}/control/truth/tickers`),
    ]);
    const events = new Map(
      this.#latest.events().map(event => [`${event.type} ${event.exchange} ${event.symbol}`, event]),
    );
    const names: string[] = [];
    for (const truth of books) {
      const name = `orderBook ${truth.exchange} ${truth.symbol}`;
      const book = events.get(name) as OrderBook | undefined;
      const top = (levels: readonly (readonly unknown[])[] | undefined, depth: number) =>
        JSON.stringify(levels?.slice(0, depth));
      const isSame =
        top(book?.bids, truth.bids.length) === top(truth.bids, 5) &&
        top(book?.asks, truth.asks.length) === top(truth.asks, 5);
      if (isSame) this.#agreed.add(name);
      names.push(name);
    }
    for (const truth of tickers) {
      const name = `ticker ${truth.exchange} ${truth.symbol}`;
      const ticker = events.get(name) as Ticker | undefined;
      if (ticker?.last === truth.last && ticker.high === truth.high && ticker.low === truth.low) this.#agreed.add(name);
      names.push(name);
    }
    return names.filter(name => !this.#agreed.has(name) && STRUCK.some(exchange => name.includes(` ${exchange} `)));
  }

  #take(event: MarketEvent): void {
    this.events++;
    this.#latest.apply(event);
    if (event.type === 'gap') this.gaps.push(event);
    if (event.type !== 'trade') return;
    this.trades++;
    if (event.backfilled === true) this.backfilled++;
    const name = nameOf(event);
    if (this.#told.has(name)) this.twice.push(name);
    this.#told.set(name, tell(event));
    if (event.exchange === 'bithumb' && event.backfilled === true) this.#fetched.add(`${event.symbol} ${tell(event)}`);
  }
}

function nameOf({ exchange, symbol, id }: Trade | TruthTrade): string {
  return `${exchange} ${symbol} ${id}`;
}

function tell({ price, size, takerSide, exchangeTime }: Trade | TruthTrade): string {
  return [price, size, takerSide, exchangeTime].join(' ');
}

function covers(gap: TradeGap, { exchange, symbol, exchangeTime }: TruthTrade): boolean {
  return (
    gap.exchange === exchange &&
    gap.symbol === symbol &&
    (gap.afterTime === null || exchangeTime >= gap.afterTime) &&
    (gap.untilTime === null || exchangeTime <= gap.untilTime)
  );
}

async function healthOf(nodeUrl: string): Promise<InfraHealth> {
  return (await (await fetch(`${nodeUrl}/api/ws/infra-health`)).json()) as InfraHealth;
}

async function allLive(nodeUrl: string): Promise<boolean> {
  const health = await healthOf(nodeUrl);
  return health.feeds.length >= STRUCK.length && health.feeds.every(({ state }) => state === 'live');
}

async function rows<Row>(url: string): Promise<Row[]> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  const found: Row[] = [];
  const lines = createInterface({ input: Readable.fromWeb(answer.body as ReadableStream) });
  for await (const line of lines) if (line !== '') found.push(JSON.parse(line) as Row);
  return found;
}

function child(args: readonly string[], environment: Record<string, string>, stops: (() => unknown)[]): ChildProcess {
  const started = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stops.push(async () => {
    if (started.exitCode !== null) return;
    const exit = once(started, 'exit');
    started.kill('SIGTERM');
    await exit;
  });
  return started;
}

function firstLine(process: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const read = (bytes: Buffer) => {
      text += bytes;
      const end = text.indexOf('\n');
      if (end < 0) return;
      process.stdout!.off('data', read);
      resolve(text.slice(0, end));
    };
    process.stdout!.on('data', read);
    process.once('exit', code => reject(new Error(`it ended with ${code} before it said anything`)));
  });
}

function samplesOf(process: ChildProcess): Sample[] {
  const samples: Sample[] = [];
  createInterface({ input: process.stdout! }).on('line', line => {
    if (line.includes('delayP99Ms')) samples.push(JSON.parse(line) as Sample);
  });
  return samples;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}
