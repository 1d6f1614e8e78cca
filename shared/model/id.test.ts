import { describe, expect, it } from 'vitest';
import { isFetchedId, MAX_ID_LENGTH, toId } from './id.ts';

describe('toId', () => {
  it.each(['0', '007', '17853950411240001', '1785395041124000119', '9'.repeat(MAX_ID_LENGTH)])('keeps %s', text => {
    expect(toId(text)).toBe(text);
  });

  it.each(['', '-1', '+1', '1.0', '1E17', ' 1', '1 ', '1\n', '0x1', 'abc', '１', '9'.repeat(MAX_ID_LENGTH + 1)])(
    'refuses %j',
    text => {
      expect(toId(text)).toBeNull();
    },
  );
});

describe('isFetchedId', () => {
  it.each([
    ['1785395041124000119', 'the longest of a socket', false],
    ['17853950411240000', 'one of a REST list', false],
    ['178539504112400000000', 'one of a REST list with what tells its trades apart', true],
  ])('%s is %s: %s', (id, _, isFetched) => {
    expect(isFetchedId(id)).toBe(isFetched);
  });
});
