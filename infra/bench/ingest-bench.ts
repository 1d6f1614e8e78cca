/**
 * What one frame costs a node, from its bytes to the sealed event: the real converter, distributor and log, on frames
 * that were written beforehand, with the times at which they would have come. Counted is processor time of the whole
 * process, so that the collection of garbage on other threads is in it and other programs are not.
 */

import { ConverterService } from '../../ingest-node/conversion/converter-service.ts';
import { Distributor } from '../../ingest-node/distribution/distributor.ts';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
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

type Pass = { readonly microsecondsPerFrame: number; readonly eventsPerFrame: number };

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
  const before = process.cpuUsage();
  pipeline.replay(warmUpFrames, market.frames.length);
  const { user, system } = process.cpuUsage(before);
  pipeline.expectNoRejections();
  const measured = market.frames.length - warmUpFrames;
  return {
    microsecondsPerFrame: (user + system) / measured,
    eventsPerFrame: (pipeline.sealed - sealedBefore) / measured,
  };
}

/** What a leading node puts frames through, with a clock that follows the frames. */
class Pipeline {
  readonly #market: MarketFrames;
  readonly #clock = new ReplayClock(MARKET_START);
  readonly #log = new StreamLog(RING_BOUNDS);
  readonly #converter = new ConverterService({
    tradeMemory: { separateIds: new Set(['bithumb', 'coinone']), contiguousIds: new Set(['binance']) },
  });
  readonly #distributor = new Distributor({ log: this.#log, clock: this.#clock, onHeartbeat: () => undefined });

  constructor(market: MarketFrames) {
    this.#market = market;
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
      const adapter = EXCHANGE_ADAPTERS[exchange];
      const { events } = this.#converter.convert(adapter, bytes, this.#clock.now(), instruments.get(exchange)!);
      this.#distributor.offer(events);
    }
    this.#distributor.seal();
  }

  /** A frame that is refused costs little and would flatter the figure. */
  expectNoRejections(): void {
    const { rejections } = this.#converter.counts();
    if (rejections.length > 0) throw new Error(`frames were rejected: ${JSON.stringify(rejections)}`);
  }

  #flushLater(): void {
    this.#clock.setTimer(FLUSH_INTERVAL_MS, () => {
      this.#distributor.offer(this.#converter.flush(this.#clock.now()));
      this.#flushLater();
    });
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
