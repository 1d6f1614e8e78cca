import { expect, test, vi } from 'vitest';
import { skipOrFail } from '../../../checks/skip-or-fail.ts';
import { whyNotHere } from './describe-with-service.ts';

test('a server that is not installed is named together with what to install', () => {
  vi.stubEnv('PATH', '/nowhere');
  expect(whyNotHere(['redis', 'zookeeper'])).toMatch(
    /^not installed: redis-server, java.*apt-get install redis-server libzookeeper-java default-jre-headless/,
  );
});

test('in CI the tests then fail, elsewhere they are skipped with the reason', context => {
  vi.stubEnv('CI', 'true');
  expect(() => skipOrFail(context, 'no Redis here')).toThrow('no Redis here');
  vi.stubEnv('CI', '');
  const skip = vi.fn(() => {
    throw new Error('skipped');
  });
  expect(() => skipOrFail({ ...context, skip: skip as never }, 'no Redis here')).toThrow('skipped');
  expect(skip).toHaveBeenCalledWith('no Redis here');
});
