import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import type { RejectionSample } from '../conversion/rejection-log.ts';
import type { Distributor } from '../distribution/distributor.ts';
import type { InstrumentDirectory } from '../operations/instrument-directory.ts';
import type { Logger } from '../operations/logger.ts';
import { replayLines } from './replay-lines.ts';
import { ReplayPace } from './replay-pace.ts';
import { ReplayPipeline } from './replay-pipeline.ts';
import type { ReplayReport } from './replay-report.ts';
import { ReplayedRun } from './replayed-run.ts';

export type ReplayerOptions = {
  readonly distributor: Distributor;
  readonly instruments: InstrumentDirectory;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** One recording, or one of the files it is made of. */
export type ReplayFile = { readonly label: string; readonly lines: AsyncIterable<string> };

/**
 * Feeds recordings into the stream of this node, each replay through a pipeline of its own. Market lists among the
 * records make their instruments known to the node, too.
 */
export class Replayer {
  readonly #options: ReplayerOptions;

  constructor(options: ReplayerOptions) {
    this.#options = options;
  }

  /**
   * One replay; the report of each file as soon as it is through.
   *
   * @param speed 1: as fast as it was recorded; `null`: as fast as it goes
   */
  async *replay(
    files: AsyncIterable<ReplayFile>,
    speed: number | null,
    signal: AbortSignal,
  ): AsyncGenerator<ReplayReport & { label: string }> {
    const { logger, clock, distributor, instruments } = this.#options;
    const told = {
      onInstruments: (exchange: ExchangeName, list: readonly Instrument[]) => instruments.add(exchange, list),
      onRejectionSample: (sample: RejectionSample) => logger.warn({ ...sample }, 'a replayed record was rejected'),
    };
    const pipeline = new ReplayPipeline({
      knownInstruments: exchange => instruments.of(exchange),
      publish: events => distributor.offer(events),
      startTime: clock.now(),
      ...told,
    });
    // How the feeds of the recording were says nothing about ours, which clients judge by such events.
    const publish = (events: readonly MarketEvent[]) => distributor.offer(events.filter(({ type }) => type !== 'feed'));
    const pace = speed === null ? null : new ReplayPace(clock, speed);
    for await (const { label, lines } of files) {
      logger.warn({ label, speed: speed ?? 'max' }, 'a recording is replayed into the stream');
      pace?.restart();
      const report = await replayLines(lines, {
        pipeline,
        createRun: beginning => new ReplayedRun(beginning, { publish, ...told }),
        before: async time => {
          if (pace === null || time === null) return;
          await pace.reach(time, reached => pipeline.advance(reached), signal);
        },
      });
      logger.info({ label, ...report }, 'the replay is over');
      yield { label, ...report };
    }
  }
}
