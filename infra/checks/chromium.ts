import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'vitest';
import { skipOrFail } from './skip-or-fail.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Where a Chromium of this machine is: `CHROMIUM_PATH`, else the PATH, else where macOS keeps it. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env['CHROMIUM_PATH']) return env['CHROMIUM_PATH'];
  const folders = (env['PATH'] ?? '').split(delimiter).filter(folder => folder !== '');
  return [...folders.flatMap(folder => NAMES.map(name => join(folder, name))), ...ELSEWHERE].find(existsSync);
}

/** The browser for a test that needs one. */
export function requireChromium(context: TestContext): string {
  return findChromium() ?? skipOrFail(context, 'no Chromium found: install it, or set CHROMIUM_PATH');
}
