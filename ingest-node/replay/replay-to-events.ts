import { basename } from 'node:path';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { CompressedFileWriter, type FileReading, readFileLines } from '../recording/compressed-file.ts';
import { replayLines } from './replay-lines.ts';
import { ReplayPipeline } from './replay-pipeline.ts';
import type { ReplayReport } from './replay-report.ts';
import { ReplayedRun } from './replayed-run.ts';

export type FileReport = ReplayReport & { readonly label: string } & FileReading;

/**
 * Converts recordings without a node: every event as a line of JSON into `out`, with offsets from 1. The same files give
 * the same bytes, at any time and on any machine. Nothing is conflated; what a node publishes may be (rule CNF1).
 */
export async function* replayToEvents(files: readonly string[], out: string): AsyncGenerator<FileReport> {
  const writer = await CompressedFileWriter.open(out);
  let offset = 0;
  let text = '';
  const publish = (events: readonly MarketEvent[]) => {
    for (const event of events) text += `${JSON.stringify({ ...event, offset: ++offset })}\n`;
  };
  const pipeline = new ReplayPipeline({ knownInstruments: () => [], publish, startTime: 0 });
  const write = async () => {
    const ready = text;
    text = '';
    if (ready !== '') await writer.write(ready);
  };
  for (const file of files) {
    const reading: FileReading = { isCutOff: false };
    const report = await replayLines(readFileLines(file, reading), {
      pipeline,
      createRun: beginning => new ReplayedRun(beginning, { publish }),
      before: write,
    });
    await write();
    yield { label: basename(file), ...report, ...reading };
  }
  await writer.end();
}
