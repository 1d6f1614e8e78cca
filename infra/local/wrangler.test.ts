import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WRANGLER = join(ROOT, 'node_modules/.bin/wrangler');

test('wrangler.toml is what wrangler deploys: it builds the page and the Worker and finds both kinds of objects', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wrangler-'));
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [WRANGLER, 'deploy', '--dry-run', '--outdir', directory],
      { cwd: ROOT, env: { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1' } },
    );
    expect(stdout).toContain('env.HUB');
    expect(stdout).toContain('env.SHARD');
    const script = await readFile(join(directory, 'index.js'), 'utf8');
    expect(script).toMatch(/\bHub\b[\s\S]*\bShard\b/);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 60_000);
