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
  /** Frames of one pass. The first half acquaints the pipeline with the instruments, the second is measured. */
  readonly frames: number;
  /** Passes that count, after one that warms up. */
  readonly passes: number;
};

export const INGEST_DEFAULTS: IngestOptions = { instruments: [100, 2_000, 10_000], frames: 60_000, passes: 5 };

export type IngestMeasure = {
  readonly instruments: number;
  readonly frames: number;
  /** Processor time per frame: of the best pass, and of the middle one. */
  readonly microsecondsPerFrame: number;
  readonly medianMicrosecondsPerFrame: number;
  /** Events sealed per frame, which says what the frames were worth. */
  readonly eventsPerFrame: number;
};

export type IngestResult = {
  readonly bench: 'ingest';
  readonly node: string;
  /** At the middle one of the sizes. */
  readonly microsecondsPerFrame: number;
  /** Cost per frame with the most instruments, divided by that with the fewest. */
  readonly growth: number;
  readonly bySize: readonly IngestMeasure[];
};

/** The leader looks at waiting order books this often. */
const FLUSH_INTERVAL_MS = 25;

export function runIngestBench(options: IngestOptions): IngestResult {
  const bySize = options.instruments.map(instruments =>
    measure(createMarketFrames({ instruments, frames: options.frames }), options.passes),
  );
  const middle = bySize[Math.floor(bySize.length / 2)]!;
  return {
    bench: 'ingest',
    node: process.version,
    microsecondsPerFrame: middle.microsecondsPerFrame,
    growth: round(bySize.at(-1)!.microsecondsPerFrame / bySize[0]!.microsecondsPerFrame),
    bySize,
  };
}

function measure(market: MarketFrames, passes: number): IngestMeasure {
  let sealed = 0;
  const times: number[] = [];
  const half = Math.floor(market.frames.length / 2);
  const measured = market.frames.length - half;
  for (let pass = -1; pass < passes; pass += 1) {
    const pipeline = new Pipeline(market);
    pipeline.replay(0, half);
    const sealedBefore = pipeline.sealed;
    const before = process.cpuUsage();
    pipeline.replay(half, market.frames.length);
    const { user, system } = process.cpuUsage(before);
    if (pass >= 0) times.push((user + system) / measured);
    sealed = pipeline.sealed - sealedBefore;
    pipeline.expectNoRejections();
  }
  return {
    instruments: market.instrumentCount,
    frames: measured,
    microsecondsPerFrame: round(Math.min(...times)),
    medianMicrosecondsPerFrame: round(medianOf(times)),
    eventsPerFrame: round(sealed / measured),
  };
}

/** What a leading node puts frames through, with a clock that follows the frames. */
class Pipeline {
  readonly #market: MarketFrames;
  readonly #clock = new ReplayClock(MARKET_START);
  readonly #log = new StreamLog();
  readonly #converter = new ConverterService();
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
