/** `npm run record -- --for 10m --out FILE`: writes all exchange traffic of the node that runs with this DATA_DIR. */
import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import type { Readable } from 'node:stream';
import { controlSocketPath, explainControlFault } from './operations/control-server.ts';
import { CompressedFileWriter } from './recording/compressed-file.ts';
import { linesOf } from './recording/lines.ts';
import { RECORD_USAGE, type RecordArguments, readRecordArguments } from './recording/record-arguments.ts';
import { describeProgress } from './recording/record-progress.ts';
import { awaitNode } from './recording/record-socket.ts';
import type { RecordingEnd } from './recording/traffic-recorder.ts';

/** How often the progress is told, and what came is brought into the file. */
const PROGRESS_INTERVAL_MS = 1_000;

const dataDir = process.env['DATA_DIR'] ?? 'data';
const socketPath = controlSocketPath(dataDir);
process.exit(await main());

async function main(): Promise<number> {
  const read = readRecordArguments(process.argv.slice(2));
  const faults = Array.isArray(read) ? read : [];
  if (!Array.isArray(read) && (await stat(read.out).catch(() => null))?.isFile()) {
    faults.push(`--out: ${read.out} is there already`);
  }
  if (Array.isArray(read) || faults.length > 0) {
    console.error([...faults, RECORD_USAGE].join('\n'));
    return 2;
  }
  try {
    const failure = await record(read);
    if (failure === null) return 0;
    console.error(`${failure}; ${read.out} holds what came until then`);
  } catch (error) {
    console.error(explainControlFault(error, socketPath));
  }
  return 1;
}

/** Resolves when the file is complete: with `null`, or with why it ended early. */
async function record({ forMs, out, fromStart }: RecordArguments): Promise<string | null> {
  const response = fromStart ? await awaitStart() : await ask();
  const file = await CompressedFileWriter.open(out).catch((error: Error) => {
    response.destroy();
    throw new Error(`cannot write ${out}: ${error.message}`);
  });
  const startedAt = performance.now();
  const progress = { records: 0, receivedBytes: 0 };
  let isDone = false;
  const finish = () => {
    isDone = true;
    response.destroy();
  };
  // A signal may come twice: from the terminal, and from npm that passes it on.
  process.on('SIGINT', finish);
  process.on('SIGTERM', finish);
  const timer = forMs === null ? null : setTimeout(finish, forMs);
  const told = setInterval(() => {
    file.flush();
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${describe()}`);
  }, PROGRESS_INTERVAL_MS);
  const describe = () =>
    describeProgress({
      ...progress,
      fileBytes: file.bytesWritten,
      elapsedMs: performance.now() - startedAt,
      forMs,
    });
  // The node waits for nobody, so a full disk must not wait for its next line.
  file.closed.catch(() => response.destroy());

  let failure: string | null = null;
  try {
    failure = await copy(response, file, progress);
  } catch {
    failure = 'the node is gone';
  }
  if (isDone) failure = null;
  if (timer !== null) clearTimeout(timer);
  clearInterval(told);
  try {
    await file.end();
  } catch (error) {
    failure = `cannot write ${out}: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  console.log(`${out}: ${describe()}`);
  return failure;
}

/** Every whole line into the file. The node's own word on why it ended; rejects when the line to it breaks. */
async function copy(
  response: Readable,
  file: CompressedFileWriter,
  progress: { records: number; receivedBytes: number },
): Promise<string | null> {
  for await (const line of linesOf(response)) {
    if (line.startsWith('{"end":')) return `the node ended it: ${(JSON.parse(line) as RecordingEnd).end}`;
    progress.records++;
    progress.receivedBytes += Buffer.byteLength(line) + 1;
    await file.write(`${line}\n`);
  }
  return 'the node is gone';
}

/** Rejects when a node runs already, its first moment is over; and when a signal ends the waiting. */
async function awaitStart(): Promise<Readable> {
  const running = await ask().catch(() => null);
  if (running !== null) {
    running.destroy();
    throw new Error('a node runs already with this data folder; --from-start waits for one that starts');
  }
  const ended = new AbortController();
  const end = () => ended.abort(new Error('no node has started'));
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    return await awaitNode(dataDir, ended.signal, () =>
      console.error('waiting for a node to start with this data folder'),
    );
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end);
  }
}

function ask(): Promise<Readable> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path: '/record' }, response => {
      if (response.statusCode === 200) resolve(response);
      else reject(new Error(`the node answered ${response.statusCode}; is it of this version?`));
    });
    call.on('error', reject);
    call.end();
  });
}
