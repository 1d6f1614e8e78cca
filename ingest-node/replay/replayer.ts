import type { Clock } from '../../shared/base/clock.ts';
import type { Distributor } from '../distribution/distributor.ts';
import type { InstrumentDirectory } from '../operations/instrument-directory.ts';
import type { Logger } from '../operations/logger.ts';
import { replayLines } from './replay-lines.ts';
import { ReplayPace } from './replay-pace.ts';
import { ReplayPipeline } from './replay-pipeline.ts';
import type { ReplayReport } from './replay-report.ts';

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
    const pipeline = new ReplayPipeline({
      knownInstruments: exchange => instruments.of(exchange),
      publish: events => distributor.offer(events),
      startTime: clock.now(),
      onInstruments: (exchange, list) => instruments.add(exchange, list),
      onRejectionSample: sample => logger.warn({ ...sample }, 'a replayed record was rejected'),
    });
    const pace = speed === null ? null : new ReplayPace(clock, speed);
    for await (const { label, lines } of files) {
      logger.warn({ label, speed: speed ?? 'max' }, 'a recording is replayed into the stream');
      pace?.restart();
      const report = await replayLines(lines, pipeline, async ({ direction, ts }) => {
        // The market lists at its beginning are older than the recording itself.
        if (pace === null || direction !== 'recv' || ts === null) return;
        await pace.reach(ts, time => pipeline.advance(time), signal);
      });
      logger.info({ label, ...report }, 'the replay is over');
      yield { label, ...report };
    }
  }
}
