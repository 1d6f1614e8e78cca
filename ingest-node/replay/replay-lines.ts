import type { EpochMillis } from '../../shared/model/time.ts';
import { RECORDING_VERSION, type RunBeginning, type RunRecord } from '../recording/run-record.ts';
import type { ReplayPipeline } from './replay-pipeline.ts';
import { type ReplayRecord, readReplayLine } from './replay-record.ts';
import { addSample, emptyReport, type ReplayReport } from './replay-report.ts';
import type { ReplayedRun } from './replayed-run.ts';

export type ReplayLinesOptions = {
  /** For what tells of frames and bodies only. */
  readonly pipeline: ReplayPipeline;
  /** For what a leader's recording begins with. */
  readonly createRun: (beginning: RunBeginning) => ReplayedRun;
  /** Waited for ahead of every record. `time`: to be reached before it; `null`: it does not say. */
  readonly before: (time: EpochMillis | null) => Promise<void>;
};

/**
 * The lines of one file, replayed; what became of them. A line that is no record is counted and passed over.
 *
 * @throws where the file is of another version than this program
 */
export async function replayLines(lines: AsyncIterable<string>, options: ReplayLinesOptions): Promise<ReplayReport> {
  const { pipeline, createRun, before } = options;
  const report = emptyReport();
  pipeline.countIn(report);
  let run: ReplayedRun | null = null;
  for await (const line of lines) {
    if (line.trim() === '') continue;
    report.records++;
    const read = readReplayLine(line);
    if (!read.ok) {
      report.faults++;
      addSample(report.faultSamples, `record ${report.records}: ${read.fault}`);
      continue;
    }
    const { record } = read;
    await before(timeOf(record));
    if (!('node' in record)) {
      if (run === null) pipeline.take(record);
      else run.takeTraffic(record);
      continue;
    }
    if (record.node === 'begin') {
      refuseOtherVersion(record);
      run = createRun(record);
      run.countIn(report);
    }
    // Without its beginning, as in a part of a file, there is no leader that it could happen to.
    await run?.take(record);
  }
  if (run === null) pipeline.finish();
  return report;
}

/** Market lists at the beginning are older than the recording itself, and requests do not wait for their time. */
function timeOf(record: ReplayRecord | RunRecord): EpochMillis | null {
  if ('node' in record) return record.node === 'tick' ? record.ts : null;
  return record.direction === 'recv' ? record.ts : null;
}

function refuseOtherVersion({ version }: RunBeginning): void {
  if (version === RECORDING_VERSION) return;
  throw new Error(`the recording is of version ${version}, and this program replays version ${RECORDING_VERSION}`);
}
