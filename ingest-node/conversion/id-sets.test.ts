import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdRanges } from './id-ranges.ts';
import type { IdSet } from './id-set.ts';
import { IdTable } from './id-table.ts';
import { IdTexts } from './id-texts.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`ids are drawn with FUZZ_SEED=${seed}`);

/** Where one spelling, one digit or one bit decides. */
const PECULIAR = [
  ...['', '0', '00', '1', '01', '10', '+1', '-1', '1.0', '1e3', ' 1', '1 ', '١', 'a', '1a', '/', ':'],
  ...['4294967295', '4294967296', '4294967297', '999999999', '1000000000', '1000000001', '2000000000'],
  ...['999999999999999', '1000000000000000', '9007199254740992', '9007199254740993', '9007199254740994'],
  ...['4294967295999999999', '4294967296000000000', '4294967296000000001', '9999999999999999999'],
  ...['18446744073709551615', '18446744073709551616', '0179530000012300010', '17953000001230001', '17953000001230000'],
  ...['179530000012300010000', '179530000012300010001', `1${'0'.repeat(63)}`, `${'0'.repeat(63)}1`],
];

const kinds: readonly (readonly [string, () => IdSet])[] = [
  ['ranges', () => new IdRanges()],
  ['a table', () => new IdTable()],
  ['texts', () => new IdTexts()],
];

const ids = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 60 }).map(String) },
  { weight: 2, arbitrary: fc.nat({ max: 40 }).map(number => `10799532103717709${String(number).padStart(2, '0')}`) },
  { weight: 1, arbitrary: fc.nat({ max: 20 }).map(number => `17953000001230001${String(number).padStart(4, '0')}`) },
  { weight: 1, arbitrary: fc.constantFrom(...PECULIAR) },
);

describe.each(kinds)('ids of a market, as %s', (_, create) => {
  it('are told apart by every character', () => {
    const set = create();
    for (const [index, id] of PECULIAR.entries()) {
      expect(set.has(id), id).toBe(false);
      expect(set.add(id), id).toBe(true);
      expect(set.add(id), id).toBe(false);
      expect(set.size).toBe(index + 1);
    }
    for (const id of PECULIAR) expect(set.has(id), id).toBe(true);
  });

  it('are known in whatever order they come', () => {
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 300 }), drawn => {
        const set = create();
        const reference = new Set<string>();
        for (const id of drawn) {
          expect(set.has(id)).toBe(reference.has(id));
          expect(set.add(id)).toBe(!reference.has(id));
          reference.add(id);
          expect(set.size).toBe(reference.size);
        }
        for (let number = 0; number <= 61; number += 1) {
          expect(set.has(String(number))).toBe(reference.has(String(number)));
        }
        for (const id of reference) expect(set.has(id)).toBe(true);
      }),
      { seed },
    );
  });

  it('are known when there are many', () => {
    const set = create();
    const idOf = (number: number) => `107995321${String(number * 7919).padStart(10, '0')}`;
    for (let number = 0; number < 20_000; number += 1) expect(set.add(idOf(number))).toBe(true);
    expect(set.size).toBe(20_000);
    for (let number = 0; number < 20_000; number += 1) {
      if (!set.has(idOf(number)) || set.has(idOf(number + 20_000))) throw new Error(`it is wrong about ${number}`);
    }
  });

  it('are copied from the last, beside what is there', () => {
    const set = create();
    for (let number = 100; number < 120; number += 1) set.add(String(number));
    const copy = create();
    copy.add('7');
    set.copyLast(3, copy);
    expect(copy.size).toBe(4);
    for (const id of ['7', '117', '118', '119']) expect(copy.has(id)).toBe(true);
    create().copyLast(3, copy);
    set.copyLast(0, copy);
    expect(copy.size).toBe(4);
    set.copyLast(50, copy);
    expect(copy.size).toBe(21);
    const texts = create();
    for (const id of ['x', 'y', 'z']) texts.add(id);
    texts.copyLast(2, copy);
    expect(['x', 'y', 'z'].map(id => copy.has(id))).toEqual([false, true, true]);
  });
});

it('ids in a row take as much room as one, and holes that are filled leave nothing behind', () => {
  const set = new IdRanges();
  const add = (number: number) => expect(set.add(String(number))).toBe(true);
  for (let number = 1; number <= 10_000; number += 2) add(number);
  expect(set.ranges).toBe(5_000);
  for (let number = 10_000; number > 5_000; number -= 2) add(number);
  for (let number = 2; number <= 5_000; number += 2) add(number);
  expect(set.ranges).toBe(1);
  expect(set.size).toBe(10_000);
  for (let number = 0; number <= 10_001; number += 1) {
    expect(set.has(String(number))).toBe(number > 0 && number <= 10_000);
  }
});
