import type { ReplayPipeline } from './replay-pipeline.ts';
import { type ReplayRecord, readReplayLine } from './replay-record.ts';
import { addSample, emptyReport, type ReplayReport } from './replay-report.ts';

/**
 * The lines of one file through the pipeline; what became of them. A line that is no record is counted and passed over.
 *
 * @param before waited for ahead of every record
 */
export async function replayLines(
  lines: AsyncIterable<string>,
  pipeline: ReplayPipeline,
  before: (record: ReplayRecord) => Promise<void>,
): Promise<ReplayReport> {
  const report = emptyReport();
  pipeline.countIn(report);
  for await (const line of lines) {
    if (line.trim() === '') continue;
    report.records++;
    const read = readReplayLine(line);
    if (read.ok) {
      await before(read.record);
      pipeline.take(read.record);
    } else {
      report.faults++;
      addSample(report.faultSamples, `record ${report.records}: ${read.fault}`);
    }
  }
  pipeline.finish();
  return report;
}
