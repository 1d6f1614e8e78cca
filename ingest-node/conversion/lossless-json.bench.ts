/**
 * How long `parseLosslessJson` takes in comparison with `JSON.parse(frame.toString())`, on captured frames, and whether
 * its time grows in proportion to the input. Run: `node ingest-node/conversion/lossless-json.bench.ts`.
 * Variants take turns within each round, and the fastest of all rounds counts: noise only ever adds time.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parseLosslessJson } from './lossless-json.ts';

const FRAMES = new URL('../../../shared/data/frames/', import.meta.url);
const EXCHANGES = ['upbit', 'bithumb', 'binance'] as const;
const WARM_UP_ROUNDS = 5;
const ROUNDS = 30;
/** Bytes each variant reads per round and group, by repeating the group. */
const BYTES_PER_ROUND = 1_000_000;

const variants: readonly ((frame: Buffer) => unknown)[] = [
  frame => JSON.parse(frame.toString()),
  frame => parseLosslessJson(frame),
];

function framesOf(exchange: string, isRest: boolean): Buffer[] {
  return readdirSync(new URL(`${exchange}/`, FRAMES))
    .filter(file => file.startsWith('rest_') === isRest)
    .flatMap(file => readFileSync(new URL(`${exchange}/${file}`, FRAMES), 'utf8').split('\n'))
    .filter(line => line !== '')
    .map(line => Buffer.from((JSON.parse(line) as { raw: string }).raw));
}

function nanosecondsPerFrame(parse: (frame: Buffer) => unknown, frames: readonly Buffer[], repeats: number): number {
  const start = process.hrtime.bigint();
  for (let repeat = 0; repeat < repeats; repeat += 1) for (const frame of frames) parse(frame);
  return Number(process.hrtime.bigint() - start) / repeats / frames.length;
}

function compareOnFrames(): void {
  const groups = EXCHANGES.flatMap(exchange =>
    [false, true].map(isRest => ({
      name: `${exchange} ${isRest ? 'rest' : 'socket'}`,
      frames: framesOf(exchange, isRest),
    })),
  );
  const best = groups.map(() => variants.map(() => Number.POSITIVE_INFINITY));
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    for (const [group, { frames }] of groups.entries()) {
      const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
      const repeats = Math.max(1, Math.round(BYTES_PER_ROUND / bytes));
      for (const [variant, parse] of variants.entries()) {
        const time = nanosecondsPerFrame(parse, frames, repeats);
        if (round >= 0) best[group]![variant] = Math.min(best[group]![variant]!, time);
      }
    }
  }
  console.log('group             frames  bytes/frame  JSON.parse ns  lossless ns  ratio');
  for (const [group, { name, frames }] of groups.entries()) {
    const [native, lossless] = best[group]! as [number, number];
    const bytes = Math.round(frames.reduce((sum, frame) => sum + frame.length, 0) / frames.length);
    console.log(
      name.padEnd(16),
      String(frames.length).padStart(7),
      String(bytes).padStart(12),
      native.toFixed(0).padStart(14),
      lossless.toFixed(0).padStart(12),
      (lossless / native).toFixed(2).padStart(6),
    );
  }
}

/** Time for twice the input divided by time for the input: about 2 when the work is linear. */
function measureGrowth(): void {
  const half = 1_500_000;
  const shapes: Record<string, (size: number) => string> = {
    'digits of one number': size => '1'.repeat(size),
    'one string': size => `"${'x'.repeat(size)}"`,
    'escapes in one string': size => `"${'\\n'.repeat(size / 2)}"`,
    'many numbers': size => `[${'1,'.repeat(size / 2)}1]`,
    'white space': size => `${' '.repeat(size)}1`,
    'different keys': size => `{${Array.from({ length: size / 10 }, (_, i) => `"k${100_000 + i}":1`).join(',')}}`,
    'empty arrays': size => `[${'[],'.repeat(size / 3)}[]]`,
    'unfinished string': size => `"${'\\"'.repeat(size / 2)}`,
    'only brackets': size => '['.repeat(size),
  };
  console.log('\nshape                    1.5 MB ms   3 MB / 1.5 MB');
  for (const [name, build] of Object.entries(shapes)) {
    const documents = [half, 2 * half].map(size => [Buffer.from(build(size))]);
    const best: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let round = 0; round < 20; round += 1) {
      for (const size of [0, 1] as const) {
        best[size] = Math.min(best[size], nanosecondsPerFrame(parseLosslessJson, documents[size]!, 1) / 1e6);
      }
    }
    const [one, two] = best;
    console.log(name.padEnd(24), one.toFixed(2).padStart(7), (two / one).toFixed(2).padStart(12));
  }
}

if (existsSync(FRAMES)) compareOnFrames();
else console.log('NO COMPARISON: the captured frames are not there (../shared/data beside the repository).');
measureGrowth();
