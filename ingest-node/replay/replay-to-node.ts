import { request } from 'node:http';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { type FileReading, readFileLines } from '../recording/compressed-file.ts';
import { linesOf } from '../recording/lines.ts';
import type { ReplayReport } from './replay-report.ts';
import { fileMarker } from './replay-route.ts';
import type { FileReport } from './replay-to-events.ts';

/** Lines are sent together: one system call for some hundred records. */
const BLOCK_CHARACTERS = 64 * 1024;

/** Sends recordings to the node behind the control socket: one replay, the report of each file when it is through. */
export async function* replayToNode(
  files: readonly string[],
  speed: number | null,
  socketPath: string,
): AsyncGenerator<FileReport> {
  const readings = files.map((): FileReading => ({ isCutOff: false }));
  const query = new URLSearchParams({ label: basename(files[0] ?? '') });
  if (speed !== null) query.set('speed', String(speed));
  const call = request({ socketPath, method: 'POST', path: `/replay?${query}` });
  const answered = new Promise<AsyncIterable<Uint8Array> & { statusCode?: number }>((resolve, reject) => {
    call.once('response', resolve);
    call.on('error', reject);
  });
  const records = Readable.from(recordsOf(files, readings));
  let readFault: Error | null = null;
  records.on('error', error => {
    readFault = error;
    call.destroy(error);
  });
  records.pipe(call);
  let index = 0;
  try {
    const response = await answered;
    for await (const line of linesOf(response)) {
      if (response.statusCode !== 200) throw new Error(`the node answered ${response.statusCode}: ${line}`);
      const reading = readings[index++] ?? { isCutOff: false };
      yield { ...(JSON.parse(line) as ReplayReport & { label: string }), ...reading };
    }
  } catch (error) {
    // A file that cannot be read breaks the call, too: that is the cause, and the rest is what followed from it.
    throw readFault ?? error;
  }
  if (index < files.length) throw new Error('the node is gone');
}

async function* recordsOf(files: readonly string[], readings: readonly FileReading[]): AsyncGenerator<string> {
  for (const [index, file] of files.entries()) {
    let block = index > 0 ? `${fileMarker(basename(file))}\n` : '';
    for await (const line of readFileLines(file, readings[index]!)) {
      block += `${line}\n`;
      if (block.length < BLOCK_CHARACTERS) continue;
      yield block;
      block = '';
    }
    if (block !== '') yield block;
  }
}
