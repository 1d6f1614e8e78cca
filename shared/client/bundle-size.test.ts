import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** What a page pays for the whole SDK, minified and gzipped: 10.0 kB when measured, plus a tenth. */
const BUDGET_BYTES = 11_000;

it(`the SDK costs a page less than ${BUDGET_BYTES} bytes`, async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL('./index.ts', import.meta.url))],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true,
  });
  const bytes = gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
  console.info(`SDK bundle: ${outputFiles[0]!.contents.length} bytes minified, ${bytes} gzipped`);
  expect(Object.keys(metafile.inputs).filter(file => file.includes('node_modules'))).toEqual([]);
  expect(bytes).toBeLessThan(BUDGET_BYTES);
});
