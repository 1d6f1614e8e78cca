/**
 * What is recorded is what came, and what is replayed is what was recorded: a real node on the simulator, the real
 * programs, the ground truth of the simulator, and the live stream as witnesses.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type IngestNode, startIngestNode } from '../../ingest-node/bootstrap.ts';
import { readConfig } from '../../ingest-node/config/config.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { readFileLines } from '../../ingest-node/recording/compressed-file.ts';
import { conflationKey, type MarketEvent, type Trade } from '../../shared/model/market-event.ts';
import type { ServerMessage } from '../../shared/wire/messages.ts';
import { type Simulator, startSimulator } from '../exchange-simulator/simulator.ts';

/** Programs begin slowly where many run. */
const PATIENCE_MS = 30_000;
vi.setConfig({ testTimeout: 2 * PATIENCE_MS });

const EXCHANGES = ['binance', 'upbit', 'bithumb'] as const;
const PROGRAM = (name: string) => fileURLToPath(new URL(`../../ingest-node/${name}.ts`, import.meta.url));

type Recorded = { exchange: string; channel: string; direction: string; ts: number; feed: string | null; raw: string };

let directory: string;
let simulator: Simulator;
let node: IngestNode;
let client: WebSocket;
const live: MarketEvent[] = [];
const running: ChildProcess[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'record-'));
  simulator = await startSimulator({ port: 0 });
  const settings = readConfig(
    { INGEST_PORT: '0', DATA_DIR: directory, EXCHANGE_SIMULATOR_URL: simulator.url, EXCHANGES: EXCHANGES.join() },
    { nodeId: 'node-1' },
  );
  if (!settings.ok) throw new Error(settings.faults.join());
  node = await startIngestNode({ config: settings.config, logger: silentLogger, host: '127.0.0.1' });
  client = new WebSocket(`${node.url.replace(/^http/, 'ws')}/ws/exchange`);
  client.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as ServerMessage;
    if (message.type === 'batch') live.push(...message.events);
  });
});

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  client?.close();
  await node?.stop();
  await simulator?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

type Ended = { readonly code: number | null; readonly out: string; readonly err: string };

type Run = { readonly child: ChildProcess; readonly ended: Promise<Ended>; readonly complaints: () => string };

function run(name: string, ...args: string[]): Run {
  return runWith(directory, name, ...args);
}

function runWith(dataDir: string, name: string, ...args: string[]): Run {
  const child = spawn(process.execPath, [PROGRAM(name), ...args], {
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', DATA_DIR: dataDir },
  });
  running.push(child);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const ended = new Promise<Ended>(resolve => child.once('close', code => resolve({ code, out, err })));
  return { child, ended, complaints: () => err };
}

async function recorded(file: string): Promise<{ records: Recorded[]; isCutOff: boolean }> {
  const reading = { isCutOff: false };
  const records: Recorded[] = [];
  for await (const line of readFileLines(join(directory, file), reading)) records.push(JSON.parse(line));
  return { records, ...reading };
}

test('a recording, replayed twice, gives the same events byte for byte, and they are the truth', async () => {
  await expect
    .poll(() => new Set(live.filter(isTrade).map(({ exchange }) => exchange)).size, { timeout: PATIENCE_MS })
    .toBe(EXCHANGES.length);
  const recording = run('record', '--for', '4s', '--out', 'a.ndjson.zst');
  await expect
    .poll(() => readFile(join(directory, 'a.ndjson.zst')).catch(() => null), { timeout: PATIENCE_MS })
    .not.toBeNull();
  // A reconnection in the middle: the recording shows what is sent, too.
  simulator.faults.inject({ fault: 'drop', exchange: 'upbit' });
  const { code, out, err } = await recording.ended;
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/^a\.ndjson\.zst: [\d,]+ records, .* 0:04 of 0:04, 0:00 left\n$/);

  const { records, isCutOff } = await recorded('a.ndjson.zst');
  expect(isCutOff).toBe(false);
  const lists = records.filter(({ direction }) => direction !== undefined).slice(0, 3);
  expect(lists.map(({ exchange, direction }) => `${exchange} ${direction}`)).toEqual(
    EXCHANGES.map(exchange => `${exchange} http`),
  );
  expect(records.filter(({ direction }) => direction === 'send')).toContainEqual(
    expect.objectContaining({ exchange: 'upbit', feed: 'upbit-0', raw: expect.stringContaining('"type":"trade"') }),
  );
  const times = records.filter(({ direction }) => direction === 'recv').map(({ ts }) => ts);
  expect(times).toEqual(times.toSorted((a, b) => a - b));

  for (const events of ['one.ndjson', 'two.ndjson']) {
    const replayed = await run('replay', '--to-events', events, 'a.ndjson.zst').ended;
    expect([replayed.code, replayed.err]).toEqual([0, '']);
    expect(replayed.out).toMatch(`a.ndjson.zst: ${records.length} records`);
  }
  const bytes = await readFile(join(directory, 'one.ndjson'));
  expect(bytes.equals(await readFile(join(directory, 'two.ndjson')))).toBe(true);

  const events = bytes.toString().trimEnd().split('\n').map(read);
  expect(new Set(events.map(({ type }) => type))).toContain('orderBook');
  const trades = new Map(events.filter(isTrade).map(trade => [keyOf(trade), trade]));
  expect(trades.size).toBe(events.filter(isTrade).length);

  const truth = simulator.truth.trades().filter(({ exchange }) => EXCHANGES.some(one => one === exchange));
  const truthByKey = new Map(truth.map(trade => [keyOf(trade), trade]));
  for (const [key, { price, size, takerSide }] of trades) {
    expect({ key, price, size, takerSide }).toEqual({ key, ...pick(truthByKey.get(key)) });
  }
  // Nothing is missing between the first and the last of an exchange's trades; upbit was away for a moment.
  const first = times[0]!;
  const inside = (['binance', 'bithumb'] as const).flatMap(name => {
    // What was read back is older than the recording, and when that began not every market was subscribed.
    const heard = [...trades.values()].filter(({ exchange, backfilled }) => exchange === name && backfilled !== true);
    const told = heard.map(trade => trade.exchangeTime!);
    const [from, to] = [Math.min(...told), Math.max(...told)];
    const sent = truth.filter(({ exchange, deliveries }) => exchange === name && deliveries > 0);
    return sent.filter(({ exchangeTime }) => exchangeTime > from && exchangeTime < to);
  });
  expect(inside.length).toBeGreaterThan(50);
  expect(inside.filter(trade => !trades.has(keyOf(trade)))).toEqual([]);

  // What the node published then says the same, `receivedTime` and all; only the offset is another.
  const published = new Map(live.filter(isTrade).map(trade => [keyOf(trade), trade]));
  const isWithin = ({ receivedTime, backfilled }: Trade) => receivedTime >= first && backfilled !== true;
  const compared = [...trades.values()].filter(trade => isWithin(published.get(keyOf(trade)) ?? trade));
  expect(compared.length).toBeGreaterThan(50);
  for (const trade of compared) expect({ ...trade, offset: 0 }).toEqual({ ...published.get(keyOf(trade)), offset: 0 });
  console.log(
    `${records.length} records, ${events.length} events twice, ${bytes.length} bytes equal, ${trades.size} trades true`,
  );
});

test('Ctrl-C completes the file', async () => {
  const recording = run('record', '--out', 'b.ndjson.gz');
  await expect
    .poll(
      () =>
        readFile(join(directory, 'b.ndjson.gz')).then(
          ({ length }) => length,
          () => 0,
        ),
      { timeout: PATIENCE_MS },
    )
    .toBeGreaterThan(5_000);
  recording.child.kill('SIGINT');
  const { code, err } = await recording.ended;
  expect([code, err]).toEqual([0, '']);
  const { records, isCutOff } = await recorded('b.ndjson.gz');
  expect([records.length > 2, isCutOff]).toEqual([true, false]);

  const again = await run('record', '--for', '1x', '--out', 'b.ndjson.gz', '--slow').ended;
  expect(again.code).toBe(2);
  expect(again.err).toMatch(/--for: "1x".*\n"--slow" is not understood\nusage: /);
  const overwrite = await run('record', '--out', 'b.ndjson.gz').ended;
  expect([overwrite.code, overwrite.err.split('\n')[0]]).toEqual([2, '--out: b.ndjson.gz is there already']);
});

test('a replay at a speed takes its time, and its trades reach the stream once more', async () => {
  const { records } = await recorded('b.ndjson.gz');
  const times = records.filter(({ direction }) => direction === 'recv').map(({ ts }) => ts);
  const id = (await readFile(join(directory, 'one.ndjson'), 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map(read)
    .find(isTrade)!;
  const replayed = run('replay', '--speed', '4', 'b.ndjson.gz', 'a.ndjson.zst');
  const startedAt = performance.now();
  const { code, out } = await replayed.ended;
  expect(performance.now() - startedAt).toBeGreaterThan((times.at(-1)! - times[0]!) / 4);
  expect([code, out.trim().split('\n').length]).toEqual([0, 2]);
  const same = () => live.filter(isTrade).filter(trade => keyOf(trade) === keyOf(id));
  await expect.poll(() => same().length).toBe(2);
  expect(same().map(({ receivedTime }) => receivedTime)).toEqual([id.receivedTime, id.receivedTime]);
});

test('a node that goes away is told in one line, and the file is complete', async () => {
  const recording = run('record', '--for', '1h', '--out', 'c.ndjson.zst');
  await expect
    .poll(
      () =>
        readFile(join(directory, 'c.ndjson.zst')).then(
          ({ length }) => length,
          () => 0,
        ),
      { timeout: PATIENCE_MS },
    )
    .toBeGreaterThan(5_000);
  await node.stop();
  const { code, err } = await recording.ended;
  expect([code, err]).toEqual([1, 'the node is gone; c.ndjson.zst holds what came until then\n']);
  const { records, isCutOff } = await recorded('c.ndjson.zst');
  expect([records.length > 2, isCutOff]).toEqual([true, false]);

  const { code: none, err: said } = await run('record', '--out', 'd.ndjson').ended;
  expect([none, said]).toEqual([1, expect.stringMatching(/^no node runs with this data folder .*\n$/)]);
});

test('a node recorded from its first moment: its replay gives all that its stream carried, and nothing else', async () => {
  const own = await mkdtemp(join(tmpdir(), 'record-from-start-'));
  const symbols = simulator.truth.books('binance', 1).slice(0, 2);
  const settings = readConfig(
    {
      INGEST_PORT: '0',
      DATA_DIR: own,
      EXCHANGE_SIMULATOR_URL: simulator.url,
      EXCHANGES: EXCHANGES.join(),
      BINANCE_DIFF_BOOKS: symbols.map(({ symbol }) => symbol).join(),
    },
    { nodeId: 'node-2' },
  );
  if (!settings.ok) throw new Error(settings.faults.join());
  const recording = runWith(own, 'record', '--from-start', '--out', 'whole.ndjson.zst');
  await expect.poll(recording.complaints, { timeout: PATIENCE_MS }).toMatch(/^waiting for a node to start/);
  const recorded = await startIngestNode({ config: settings.config, logger: silentLogger, host: '127.0.0.1' });
  const carried: MarketEvent[] = [];
  const { log } = recorded;
  let next = log.ring.start;
  const read = () => {
    for (; next < log.ring.end; next++) carried.push(...(log.ring.at(next)?.batch.events ?? []));
  };
  log.onChange(read);
  read();
  try {
    await expect
      .poll(() => new Set(carried.filter(isTrade).map(({ exchange }) => exchange)).size, { timeout: PATIENCE_MS })
      .toBe(EXCHANGES.length);
    simulator.faults.inject({ fault: 'drop' });
    await expect
      .poll(() => carried.some(event => isTrade(event) && event.backfilled === true), { timeout: PATIENCE_MS })
      .toBe(true);
  } finally {
    await recorded.stop();
  }
  const { code, err } = await recording.ended;
  expect([code, err.split('\n').slice(1)]).toEqual([
    1,
    ['the node is gone; whole.ndjson.zst holds what came until then', ''],
  ]);

  const replayed = await run('replay', '--to-events', 'whole.events', 'whole.ndjson.zst').ended;
  expect([replayed.code, replayed.err]).toEqual([0, '']);
  const events = (await readFile(join(directory, 'whole.events'), 'utf8'))
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as MarketEvent);
  // Offsets count what is sealed, and of states that change within a batch the last one only is (rule CNF1).
  const told = (all: readonly MarketEvent[]) => all.map(event => JSON.stringify({ ...event, offset: 0 }));
  const moments = (all: readonly MarketEvent[]) => told(all.filter(event => conflationKey(event) === null));
  expect(moments(carried)).toEqual(moments(events));
  const replayedTold = told(events);
  let at = 0;
  for (const event of told(carried)) {
    const place = replayedTold.indexOf(event, at);
    expect(place, event).toBeGreaterThanOrEqual(at);
    at = place + 1;
  }
  const kinds = Object.groupBy(carried, ({ type }) => type);
  console.log(
    `${carried.length} events carried of ${events.length} replayed: ${Object.entries(kinds).map(([type, some]) => `${some.length} ${type}`)}`,
  );
  await rm(own, { recursive: true, force: true });
});

function read(line: string): MarketEvent {
  return JSON.parse(line) as MarketEvent;
}

function isTrade(event: MarketEvent): event is Trade {
  return event.type === 'trade';
}

function keyOf({ exchange, symbol, id }: { exchange: string; symbol: string; id: string }): string {
  return `${exchange} ${symbol} ${id}`;
}

function pick(trade: { price: string; size: string; takerSide: string } | undefined) {
  return trade === undefined ? null : { price: trade.price, size: trade.size, takerSide: trade.takerSide };
}
