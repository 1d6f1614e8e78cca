/** `npm run bench -- convert|ingest [--json]`: the table, or with `--json` one object on one line. */
import { keepPausesShort } from '../../ingest-node/operations/short-pauses.ts';
import { CONVERT_DEFAULTS, runConvertBench } from './convert-bench.ts';
import { collectFrames } from './frame-groups.ts';
import { INGEST_DEFAULTS, runIngestBench } from './ingest-bench.ts';
import { installRivals, loadRivals, type Rival } from './rivals.ts';
import { convertTable, ingestTable } from './tables.ts';

const USAGE = 'usage: npm run bench -- convert|ingest [--json]';

async function convertBench(isJson: boolean): Promise<void> {
  const frames = collectFrames();
  if (frames.source === 'composed') {
    console.error('NO CAPTURED FRAMES: ../shared/data is not beside the repository; measuring on composed frames.');
  }
  const result = runConvertBench(frames, await rivalsIfAny(), CONVERT_DEFAULTS);
  console.log(isJson ? JSON.stringify(result) : convertTable(result));
}

async function rivalsIfAny(): Promise<Rival[]> {
  const installed = installRivals();
  if (installed.ok) return loadRivals();
  console.error(`NO COMPARISON with ccxt and tardis-dev: they cannot be installed (${installed.reason}).`);
  return [];
}

const [name, ...flags] = process.argv.slice(2);
const isJson = flags.includes('--json');
if (flags.some(flag => flag !== '--json')) {
  console.error(USAGE);
  process.exitCode = 2;
} else if (name === 'convert') {
  await convertBench(isJson);
} else if (name === 'ingest') {
  keepPausesShort();
  const result = runIngestBench(INGEST_DEFAULTS);
  console.log(isJson ? JSON.stringify(result) : ingestTable(result));
} else {
  console.error(USAGE);
  process.exitCode = 2;
}
