/** `npm run replay -- FILE…`: feeds recordings through the pipeline of the node that runs with this DATA_DIR. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import { basename } from 'node:path';
import { controlSocketPath } from './operations/control-server.ts';
import type { ReplayReport } from './replay/replayer.ts';

const files = process.argv.slice(2);
const socketPath = controlSocketPath(process.env['DATA_DIR'] ?? 'data');
process.exit(await main());

async function main(): Promise<number> {
  if (files.length === 0 || files.some(file => file.startsWith('-'))) {
    console.error(
      'usage: npm run replay -- FILE…\n  FILE holds one record a line: {"exchange","channel","direction","raw"}',
    );
    return 2;
  }
  const missing: string[] = [];
  for (const file of files) if (!(await stat(file).catch(() => null))?.isFile()) missing.push(file);
  if (missing.length > 0) {
    console.error(missing.map(file => `${file} is not a file`).join('\n'));
    return 2;
  }
  let hasFaults = false;
  for (const file of files) {
    try {
      const report = await send(file);
      hasFaults ||= report.faults > 0;
      console.log(`${basename(file)}: ${describe(report)}`);
      for (const fault of report.faultSamples) console.error(`  ${fault}`);
    } catch (error) {
      console.error(explain(error as NodeJS.ErrnoException));
      return 1;
    }
  }
  return hasFaults ? 1 : 0;
}

function send(file: string): Promise<ReplayReport> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath, method: 'POST', path: `/replay?label=${encodeURIComponent(basename(file))}` },
      response => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(body) as ReplayReport);
          else reject(new Error(`the node answered ${response.statusCode}: ${body}`));
        });
        response.on('error', reject);
      },
    );
    call.on('error', reject);
    createReadStream(file).on('error', reject).pipe(call);
  });
}

function describe({
  records,
  data,
  control,
  rejected,
  marketLists,
  instruments,
  skipped,
  faults,
}: ReplayReport): string {
  const parts = [`${records} records`, `${data} data`, `${control} control`, `${rejected} rejected`];
  if (marketLists > 0) parts.push(`${instruments} instruments learnt`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (faults > 0) parts.push(`${faults} unreadable`);
  return parts.join(', ');
}

function explain(error: NodeJS.ErrnoException): string {
  return error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
    ? `no node runs with this data folder (nobody listens at ${socketPath}); start one, or set DATA_DIR`
    : error.message;
}
