import { expect, test } from 'vitest';
import { comparePositions, positionFromQuery, positionToQuery } from './position.ts';

test('[ORD2] epochs weigh more than offsets', () => {
  const sorted = [
    { epoch: 5, offset: 0 },
    { epoch: 5, offset: 999 },
    { epoch: 6, offset: 0 },
    { epoch: 6, offset: 1 },
  ];
  expect([...sorted].reverse().sort(comparePositions)).toEqual(sorted);
  expect(comparePositions({ epoch: 5, offset: 1 }, { epoch: 5, offset: 1 })).toBe(0);
});

test('[RES1] a position survives the way through an address', () => {
  const position = { epoch: 1_785_397_200, offset: 999_999_999_999_999 };
  expect(positionFromQuery(new URLSearchParams(positionToQuery(position)))).toEqual(position);
  expect(positionFromQuery(new URLSearchParams('epoch=0&offset=0'))).toEqual({ epoch: 0, offset: 0 });
});

test('no position at all is a new consumer', () => {
  expect(positionFromQuery(new URLSearchParams('cut=lite'))).toBeNull();
});

test.each([
  'epoch=5',
  'offset=5',
  'epoch=&offset=',
  'epoch=5&offset=-1',
  'epoch=5&offset=1.5',
  'epoch=5&offset=1e3',
  'epoch=0x5&offset=1',
  'epoch=5&offset= 1',
  'epoch=%2B5&offset=1',
  'epoch=٥&offset=1',
  'epoch=9999999999999999&offset=1',
  'epoch=NaN&offset=Infinity',
])('%s is no position', query => expect(positionFromQuery(new URLSearchParams(query))).toBe('invalid'));
