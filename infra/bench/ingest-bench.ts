/**
 * What one frame costs a node, from its bytes to the sealed event: the real leader with all that it looks at on the way
 * (pauses, missing trades, the markets' rhythms), distributor and log, on frames that were written beforehand, with the times
 * at which they would have come. Left out are the sockets. Counted is processor time of the whole
 * process, so that the collection of garbage on other threads is in it and other programs are not.
 */
import { GCProfiler } from 'node:v8';
import type { FrameSource } from '../../ingest-node/conversion/heard-feeds.ts';
import { Distributor } from '../../ingest-node/distribution/distributor.ts';
import type { InstrumentIndex } from '../../ingest-node/exchanges/exchange-adapter.ts';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { MarketRhythms } from '../../ingest-node/feeds/market-rhythms.ts';
import { silentLogger } from '../../ingest-node/operations/logger.ts';
import { TurnClock } from '../../ingest-node/recording/turn-clock.ts';
import { Leader } from '../../ingest-node/roles/leader.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { createMarketFrames, MARKET_START, type MarketFrames } from './market-frames.ts';
import { medianOf } from './race.ts';
import { ReplayClock } from './replay-clock.ts';

export type IngestOptions = {
  /** How many instruments; the market is as busy per instrument in all of them. */
  readonly instruments: readonly number[];
  /** Frames before those that are measured, beginning with one of each channel of each instrument: history fills. */
  readonly warmUpFrames: number;
  readonly measuredFrames: number;
  /** Rounds that count, after one that warms up. */
  readonly rounds: number;
};

export const INGEST_DEFAULTS: IngestOptions = {
  instruments: [100, 2_000, 10_000],
  warmUpFrames: 60_000,
  measuredFrames: 60_000,
  rounds: 5,
};

export type IngestMeasure = {
  readonly instruments: number;
  readonly frames: number;
  /** Processor time per frame: of the best round, and of the middle one. */
  readonly microsecondsPerFrame: number;
  readonly medianMicrosecondsPerFrame: number;
  /** Of the processor time, what the program stood still for while garbage was collected: the middle one of the rounds. */
  readonly garbageShare: number;
  /** Events sealed per frame, and bytes of a frame, which say what the frames were worth. */
  readonly eventsPerFrame: number;
  readonly bytesPerFrame: number;
};

export type IngestResult = {
  readonly bench: 'ingest';
  readonly node: string;
  /** At the middle one of the sizes. */
  readonly microsecondsPerFrame: number;
  /** Cost per frame with the most instruments, divided by that with the fewest: the middle one of the rounds' ratios. */
  readonly growth: number;
  readonly bySize: readonly IngestMeasure[];
};

/** The leader looks at waiting order books this often. */
const FLUSH_INTERVAL_MS = 25;

/**
 * History of the same size for all, full when the measurement begins: by its age alone a hundred instruments would fill
 * an eighth of what ten thousand fill.
 */
const RING_BOUNDS = { maxAgeMs: Number.POSITIVE_INFINITY, maxBytes: 16 * 1024 * 1024 };

/** What the frames of one exchange meet; one feed carries all of its markets here. */
type Desk = {
  readonly source: FrameSource;
  readonly symbols: () => readonly string[];
  readonly rhythms: MarketRhythms;
};

type Pass = {
  readonly microsecondsPerFrame: number;
  readonly garbageShare: number;
  readonly eventsPerFrame: number;
};

/**
 * The sizes take turns within each round, each round beginning with another one: what the machine does besides, it does
 * to all of them.
 */
export function runIngestBench(options: IngestOptions): IngestResult {
  const { warmUpFrames, measuredFrames, rounds } = options;
  const frames = warmUpFrames + measuredFrames;
  const sizes = options.instruments.map(instruments => ({
    instruments,
    market: createMarketFrames({ instruments, frames, opens: true }),
    passes: [] as Pass[],
  }));
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < sizes.length; turn += 1) {
      const { market, passes } = sizes[(turn + round + 1) % sizes.length]!;
      const pass = measure(market, warmUpFrames);
      if (round >= 0) passes.push(pass);
    }
  }
  const bySize = sizes.map(({ instruments, market, passes }): IngestMeasure => {
    const times = passes.map(pass => pass.microsecondsPerFrame);
    const measured = market.frames.slice(warmUpFrames);
    return {
      instruments,
      frames: measured.length,
      microsecondsPerFrame: round(Math.min(...times)),
      medianMicrosecondsPerFrame: round(medianOf(times)),
      garbageShare: round(medianOf(passes.map(pass => pass.garbageShare))),
      eventsPerFrame: round(passes[0]!.eventsPerFrame),
      bytesPerFrame: Math.round(measured.reduce((sum, { bytes }) => sum + bytes.length, 0) / measured.length),
    };
  });
  const [fewest, most] = [sizes[0]!.passes, sizes.at(-1)!.passes];
  return {
    bench: 'ingest',
    node: process.version,
    microsecondsPerFrame: bySize[Math.floor(bySize.length / 2)]!.microsecondsPerFrame,
    growth: round(medianOf(most.map((pass, at) => pass.microsecondsPerFrame / fewest[at]!.microsecondsPerFrame))),
    bySize,
  };
}

function measure(market: MarketFrames, warmUpFrames: number): Pass {
  const pipeline = new Pipeline(market);
  pipeline.replay(0, warmUpFrames);
  const sealedBefore = pipeline.sealed;
  const garbage = new GCProfiler();
  garbage.start();
  const before = process.cpuUsage();
  pipeline.replay(warmUpFrames, market.frames.length);
  const { user, system } = process.cpuUsage(before);
  // Microseconds each.
  const pauses = garbage.stop().statistics.map(({ cost }) => cost);
  pipeline.expectNoRejections();
  pipeline.stop();
  const measured = market.frames.length - warmUpFrames;
  return {
    microsecondsPerFrame: (user + system) / measured,
    garbageShare: pauses.reduce((sum, pause) => sum + pause, 0) / (user + system),
    eventsPerFrame: (pipeline.sealed - sealedBefore) / measured,
  };
}

/** What a leading node puts frames through, with a clock that follows the frames. */
class Pipeline {
  readonly #market: MarketFrames;
  readonly #clock = new ReplayClock(MARKET_START);
  /** Every frame is a turn, so that a recording could begin at any time. */
  readonly #turns = new TurnClock({ clock: this.#clock, onTick: () => undefined, onOffset: () => undefined });
  readonly #log = new StreamLog(RING_BOUNDS);
  readonly #distributor = new Distributor({ log: this.#log, clock: this.#clock, onHeartbeat: () => undefined });
  readonly #leader: Leader;
  readonly #desks: ReadonlyMap<ExchangeName, Desk>;

  constructor(market: MarketFrames) {
    this.#market = market;
    this.#leader = new Leader({
      adapters: [...market.instruments.keys()].map(exchange => EXCHANGE_ADAPTERS[exchange]),
      simulatorUrl: null,
      distributor: this.#distributor,
      clock: this.#turns,
      logger: silentLogger,
      onInstruments: () => undefined,
    });
    this.#desks = new Map([...market.instruments].map(([exchange, index]) => [exchange, this.#open(exchange, index)]));
    this.#leader.missedTrades.start();
    this.#distributor.begin({ epoch: 1, mayWrite: () => true }, []);
    this.#flushLater();
  }

  /** How many events were sealed. */
  get sealed(): number {
    return this.#log.position.offset;
  }

  /** The frames from one number to before another, each at its time. */
  replay(from: number, to: number): void {
    const { frames, instruments } = this.#market;
    for (let number = from; number < to; number += 1) {
      const { exchange, bytes, at } = frames[number]!;
      this.#clock.moveTo(at);
      const isTurn = this.#turns.enter(this.#clock.now());
      this.#ingest(exchange, bytes, instruments.get(exchange)!);
      if (isTurn) this.#turns.leave();
    }
    this.#distributor.seal();
  }

  /** No more timers: what is looked for elsewhere ends. */
  stop(): void {
    this.#leader.missedTrades.stop();
  }

  /** As a feed does. */
  #ingest(exchange: ExchangeName, bytes: Buffer, index: InstrumentIndex): void {
    const { source, symbols, rhythms } = this.#desks.get(exchange)!;
    const backfill = this.#leader.missedTrades.of(exchange);
    const [now, adapter] = [this.#clock.now(), EXCHANGE_ADAPTERS[exchange]];
    backfill.interruptions.beforeFrame(source.feed, symbols);
    const meaning = this.#leader.ingest(adapter, bytes, now, index, source, ({ events, trades }) => {
      backfill.interruptions.beforeEvents(source.feed, symbols, events);
      backfill.observe(trades);
    });
    if (meaning.kind !== 'events') return;
    for (const { symbol } of meaning.events ?? []) if (symbol !== null) rhythms.beat(symbol, this.#clock.monotonic());
  }

  #open(exchange: ExchangeName, index: InstrumentIndex): Desk {
    const symbols = [...index.values()].map(({ symbol }) => symbol);
    const source = { feed: `${exchange}-0`, isFirst: true };
    this.#leader.missedTrades.of(exchange).setInstruments([...index.values()]);
    this.#leader.converter.beginCandles(exchange, symbols, this.#clock.now(), source);
    return { source, symbols: () => symbols, rhythms: new MarketRhythms() };
  }

  /** A frame that is refused costs little and would flatter the figure. */
  expectNoRejections(): void {
    const { rejections } = this.#leader.converter.counts();
    if (rejections.length > 0) throw new Error(`frames were rejected: ${JSON.stringify(rejections)}`);
  }

  #flushLater(): void {
    this.#clock.setTimer(FLUSH_INTERVAL_MS, () => {
      this.#distributor.offer(this.#leader.converter.flush(this.#clock.now()));
      // No feed falls silent here that would have to be asked whether it lives.
      this.#leader.converter.takeUnheard();
      this.#flushLater();
    });
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
