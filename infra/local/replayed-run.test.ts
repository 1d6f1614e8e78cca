/**
 * A leader's life is recorded from its first moment, with everything that can happen in it: what it published then is what
 * each replay of the recording publishes, byte for byte.
 */
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { afterEach, expect, it } from 'vitest';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { RecordedLeader } from '../../ingest-node/recording/recorded-leader.ts';
import { TrafficRecorder } from '../../ingest-node/recording/traffic-recorder.ts';
import { type FileReport, replayToEvents } from '../../ingest-node/replay/replay-to-events.ts';
import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { MINUTE_MS } from '../../shared/model/time.ts';
import { steadyClock } from '../chaos/testing/steady-clock.ts';
import { type Simulator, startSimulator } from '../exchange-simulator/simulator.ts';

const NAMES = ['binance', 'upbit', 'bithumb', 'coinone'] as const;
const HOUR = 3_600_000;
const FACTOR = 15;

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

type Exchanges = { readonly clock: Clock; readonly simulator: Simulator };

async function startExchanges(): Promise<Exchanges> {
  const clock = steadyClock(FACTOR);
  const quiet = { idleTimeoutMs: HOUR, statusIntervalMs: HOUR };
  const simulator = await startSimulator({ instruments: 40, eventsPerSecond: 20, now: clock.now, ...quiet });
  stops.push(() => simulator.stop());
  return { clock, simulator };
}

/** A leader, what it publishes, and its recording. */
async function createLeader({ clock, simulator }: Exchanges) {
  const directory = await mkdtemp(join(tmpdir(), 'replayed-'));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  const lines: string[] = [];
  const published: MarketEvent[] = [];
  const recorder = new TrafficRecorder({ clock });
  const file = join(directory, 'run.ndjson');
  const out = createWriteStream(file);
  const books = simulator.truth.books('binance', 1).slice(0, 4);
  const left = new Set<string>();
  const leader = new RecordedLeader(
    {
      // Feeds of few markets have nothing to say at the end of a minute, and are asked for a sign of life.
      adapters: NAMES.map(name => EXCHANGE_ADAPTERS[name]).map(adapter => ({
        ...adapter,
        limits: { ...adapter.limits, instrumentsPerFeed: 2 },
      })),
      simulatorUrl: simulator.url,
      deltaSymbols: { binance: new Set(books.map(({ symbol }) => symbol)) },
      selects: ({ symbol }) => !left.has(symbol),
      distributor: {
        offer: events => {
          for (const event of events) lines.push(JSON.stringify({ ...event, offset: lines.length + 1 }));
          published.push(...events);
        },
      },
      clock,
      logger: silentLogger,
      onInstruments: () => {},
    },
    recorder,
  );
  stops.push(() => leader.stop());
  const live = () => exchangesOf(leader.feeds().filter(({ state }) => state === 'live'));
  return {
    leader,
    left,
    lines,
    events: published,
    first: (name: (typeof NAMES)[number]) => simulator.truth.books(name, 1)[0]!.symbol,
    liveOnes: live,
    becomeLive: () => expect.poll(live, { timeout: 20_000, interval: 5 }).toEqual([...NAMES].sort()),
    record: () => recorder.open(out),
    endRecording: async () => {
      recorder.flush();
      out.end();
      await finished(out);
    },
    replay: async (name: string) => {
      const events = join(directory, name);
      const reports: FileReport[] = [];
      for await (const report of replayToEvents([file], events)) reports.push(report);
      return { report: reports[0]!, lines: (await readFile(events, 'utf8')).trimEnd().split('\n') };
    },
    text: () => readFile(file, 'utf8'),
  };
}

it('what a leader publishes, its replays publish: books built, trades read back, candles closed, faults and all', {
  timeout: 120_000,
}, async () => {
  const exchanges = await startExchanges();
  const { clock, simulator } = exchanges;
  const world = await createLeader(exchanges);
  const { leader, left, lines } = world;
  const reach = (time: number) => expect.poll(clock.now, { timeout: 30_000, interval: 5 }).toBeGreaterThan(time);
  world.record();
  leader.start();
  await world.becomeLive();
  await expect.poll(() => leader.deltaBookCounts()[0]?.live, { timeout: 20_000 }).toBe(4);
  simulator.faults.inject({ fault: 'failRest', exchange: 'upbit', path: '/trades/ticks', how: 'html502', count: 2 });
  for (const exchange of ['upbit', 'bithumb', 'binance'] as const) {
    simulator.faults.inject({ fault: 'drop', exchange });
    // A trade a second at each of them: for so long that somebody misses one.
    simulator.faults.inject({ fault: 'refuse', exchange, ms: 10_000 });
  }
  simulator.faults.inject({ fault: 'skipFrames', exchange: 'binance', channel: 'depth', count: 2 });
  simulator.faults.inject({ fault: 'failRest', exchange: 'binance', path: '/depth', how: 'html503', count: 1 });
  simulator.faults.inject({ fault: 'stall', exchange: 'coinone', ms: 3_000 });
  const minute = Math.ceil(clock.now() / MINUTE_MS) * MINUTE_MS;
  await reach(minute + 20_000);
  left.add(world.first('upbit'));
  leader.replan();
  await reach(minute + 40_000);
  left.clear();
  leader.replan();
  await reach(minute + MINUTE_MS + 10_000);
  const readBack = () => world.events.filter(event => event.type === 'trade' && event.backfilled === true);
  const closed = () => world.events.filter(event => event.type === 'candle' && event.closed);
  const dropped = expect.arrayContaining(['binance', 'bithumb', 'upbit']);
  await expect.poll(() => exchangesOf(readBack()), { timeout: 30_000 }).toEqual(dropped);
  await expect.poll(() => exchangesOf(closed()), { timeout: 30_000 }).toEqual(dropped);
  const [books] = leader.deltaBookCounts();
  await leader.stop();
  await world.endRecording();

  const [once, again] = [await world.replay('once.ndjson'), await world.replay('again.ndjson')];
  expect(once.report).toMatchObject({ faults: 0, isCutOff: false });
  expectSame(once.lines, lines);
  expectSame(again.lines, lines);

  // The rest of what was to happen has happened, too.
  expect(books!.gaps).toBeGreaterThan(0);
  expect(books!.snapshots.failures).toBeGreaterThan(0);
  const text = await world.text();
  expect(text).toContain('"node":"proven"');
  expect(text).toMatch(/"node":"answered","url":"[^"]+trades[^"]+","failure":{"reason"/);
  const kinds = Object.entries(Object.groupBy(world.events, ({ type }) => type)).map(
    ([type, some]) => `${some.length} ${type}`,
  );
  console.log(
    `${once.report.records} records, ${lines.length} events the same: ${kinds.join(', ')}; ${readBack().length} trades read back, ${closed().length} candles closed, ${books!.snapshots.aligned} books built`,
  );
});

it('a leader that followed another one before publishes in its replays what it published: what it heard is recorded', {
  timeout: 120_000,
}, async () => {
  const exchanges = await startExchanges();
  const [first, second] = [await createLeader(exchanges), await createLeader(exchanges)];
  let heard = 0;
  const hear = () => {
    if (heard === first.events.length) return;
    const batch = { first: heard + 1, ...(heard === 0 ? { lineage: null } : {}), events: first.events.slice(heard) };
    heard = first.events.length;
    second.leader.heard(batch);
  };
  first.leader.start();
  second.record();
  await first.becomeLive();
  second.leader.joined({ events: first.events.slice(), reason: 'initial' });
  second.leader.warmUp(1);
  const hearAndLook = () => {
    hear();
    return second.liveOnes();
  };
  await expect.poll(hearAndLook, { timeout: 20_000, interval: 5 }).toEqual([...NAMES].sort());
  await expect
    .poll(
      () => {
        hear();
        return heard;
      },
      { timeout: 20_000 },
    )
    .toBeGreaterThan(300);
  await first.leader.stop();
  hear();
  second.leader.start();
  const published = second.events.length;
  await expect.poll(() => second.events.length, { timeout: 20_000 }).toBeGreaterThan(published + 300);
  await second.leader.stop();
  await second.endRecording();

  expectSame((await second.replay('once.ndjson')).lines, second.lines);
  expectSame((await second.replay('again.ndjson')).lines, second.lines);
});

/** The first difference tells more than two long texts. */
function expectSame(replayed: readonly string[], lived: readonly string[]): void {
  const first = lived.findIndex((line, index) => line !== replayed[index]);
  expect(replayed[first], `event ${first} of ${lived.length}`).toEqual(lived[first]);
  expect(replayed).toHaveLength(lived.length);
}

function exchangesOf(some: readonly { readonly exchange: ExchangeName }[]): string[] {
  return [...new Set(some.map(({ exchange }) => exchange))].sort();
}
