import type { TestContext } from 'vitest';

/**
 * For a test that this machine cannot run: it is skipped, loudly, on a laptop, and fails in CI, where a skipped test
 * would look like a passed one.
 */
export function skipOrFail(context: TestContext, reason: string): never {
  if (process.env['CI']) throw new Error(reason);
  return context.skip(reason);
}
