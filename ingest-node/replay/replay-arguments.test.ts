import { expect, test } from 'vitest';
import { readReplayArguments } from './replay-arguments.ts';

test('files are replayed as fast as it goes, unless a speed is said', () => {
  expect(readReplayArguments(['a', 'b'])).toEqual({ files: ['a', 'b'], speed: null, toEvents: null });
  expect(readReplayArguments(['--speed', 'max', 'a'])).toMatchObject({ speed: null });
  expect(readReplayArguments(['a', '--speed=2.5'])).toMatchObject({ files: ['a'], speed: 2.5 });
  expect(readReplayArguments(['--to-events', 'out', 'a'])).toMatchObject({ files: ['a'], toEvents: 'out' });
});

test('every fault is named at once', () => {
  expect(readReplayArguments(['--speed', '0', '--fast', '--to-events=x'])).toEqual([
    '--speed: "0" is neither max nor a number above 0',
    '"--fast" is not understood',
    'no FILE is named',
    '--speed has no meaning with --to-events',
  ]);
  expect(readReplayArguments(['a', '--speed'])).toEqual(['--speed needs a value']);
});
