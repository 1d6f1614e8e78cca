import { expect, test } from 'vitest';
import { TextDigest } from './text-digest.ts';

function digestOf(...texts: readonly string[]): number {
  const digest = new TextDigest();
  for (const text of texts) digest.add(text);
  return digest.value;
}

test('runs of texts that differ in one character, in order or in where one ends are told apart', () => {
  const runs = [
    ['12.5', '3'],
    ['12.53'],
    ['12.', '53'],
    ['3', '12.5'],
    ['12.5', '3', ''],
    ['', '12.5', '3'],
    ['12.4', '3'],
    [],
  ];
  expect(new Set(runs.map(run => digestOf(...run))).size).toBe(runs.length);
});

test('the same run gives the same number, a whole one that counts exactly', () => {
  const digest = digestOf('94500000', '0.0123');
  expect(digestOf('94500000', '0.0123')).toBe(digest);
  expect(Number.isSafeInteger(digest)).toBe(true);
});

test('of a million like prices and sizes no two have one number, and all bits are used alike', () => {
  const digests = new Set<number>();
  const set = new Array<number>(53).fill(0);
  for (let price = 0; price < 1_000; price += 1) {
    for (let size = 0; size < 1_000; size += 1) {
      const digest = digestOf(String(94_500_000 + price * 1_000), `0.${size}`);
      digests.add(digest);
      if (size % 10 === 0) for (let bit = 0; bit < 53; bit += 1) set[bit]! += Math.floor(digest / 2 ** bit) % 2;
    }
  }
  expect(digests.size).toBe(1_000_000);
  for (const count of set) expect(Math.abs(count / 100_000 - 0.5)).toBeLessThan(0.02);
});
