import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { findChromium, requireChromium } from './chromium.ts';

it('the browser named by CHROMIUM_PATH is taken before any other', () => {
  expect(findChromium({ CHROMIUM_PATH: '/opt/mine', PATH: process.env['PATH'] })).toBe('/opt/mine');
});

it('otherwise the PATH is searched', context => {
  const folder = mkdtempSync(join(tmpdir(), 'chromium-'));
  context.onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'chromium');
  writeFileSync(path, '');
  chmodSync(path, 0o755);
  expect(findChromium({ PATH: `/nowhere:${folder}` })).toBe(path);
});

it.skipIf(process.platform !== 'linux')('without a browser a test fails in CI', context => {
  vi.stubEnv('CHROMIUM_PATH', '').stubEnv('PATH', '').stubEnv('CI', 'true');
  expect(() => requireChromium(context)).toThrow('no Chromium found');
});
