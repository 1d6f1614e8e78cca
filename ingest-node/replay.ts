/**
 * `npm run replay -- FILE…`: feeds recordings into the stream of the node that runs with this DATA_DIR, or, with
 * `--to-events`, writes what they convert to.
 */
import { stat } from 'node:fs/promises';
import { controlSocketPath, explainControlFault } from './operations/control-server.ts';
import { REPLAY_USAGE, type ReplayArguments, readReplayArguments } from './replay/replay-arguments.ts';
import { describeReport } from './replay/replay-report.ts';
import { type FileReport, replayToEvents } from './replay/replay-to-events.ts';
import { replayToNode } from './replay/replay-to-node.ts';

const socketPath = controlSocketPath(process.env['DATA_DIR'] ?? 'data');
process.exit(await main());

async function main(): Promise<number> {
  const read = readReplayArguments(process.argv.slice(2));
  if (Array.isArray(read)) {
    console.error([...read, REPLAY_USAGE].join('\n'));
    return 2;
  }
  const faults = await fileFaults(read);
  if (faults.length > 0) {
    console.error(faults.join('\n'));
    return 2;
  }
  const { files, speed, toEvents } = read;
  let hasFaults = false;
  try {
    const reports = toEvents === null ? replayToNode(files, speed, socketPath) : replayToEvents(files, toEvents);
    for await (const report of reports) {
      hasFaults ||= report.faults > 0;
      tell(report);
    }
  } catch (error) {
    console.error(toEvents === null ? explainControlFault(error, socketPath) : messageOf(error));
    return 1;
  }
  return hasFaults ? 1 : 0;
}

async function fileFaults({ files, toEvents }: ReplayArguments): Promise<string[]> {
  const isFile = async (path: string) => (await stat(path).catch(() => null))?.isFile() === true;
  const faults: string[] = [];
  for (const file of files) if (!(await isFile(file))) faults.push(`${file} is not a file`);
  if (toEvents !== null && (await isFile(toEvents))) faults.push(`--to-events: ${toEvents} is there already`);
  return faults;
}

function tell(report: FileReport): void {
  console.log(`${report.label}: ${describeReport(report)}`);
  if (report.isCutOff) console.error('  the file breaks off: it was not completed, and what there is was replayed');
  for (const sample of report.rejectionSamples) console.error(`  rejected: ${sample}`);
  for (const fault of report.faultSamples) console.error(`  ${fault}`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
