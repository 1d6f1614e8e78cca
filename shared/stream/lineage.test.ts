import { expect, test } from 'vitest';
import { MAX_LINEAGE } from '../wire/position.ts';
import { extendLineage, normalise, relate } from './lineage.ts';

const head = { epoch: 9, offset: 50 };
const lineage = [
  { epoch: 4, end: 100 },
  { epoch: 6, end: 0 },
  { epoch: 8, end: 30 },
];

test.each([
  [{ epoch: 9, offset: 0 }, 'known'],
  [{ epoch: 9, offset: 50 }, 'known'],
  [{ epoch: 9, offset: 51 }, 'ahead'],
  [{ epoch: 10, offset: 0 }, 'ahead'],
  [{ epoch: 8, offset: 30 }, 'known'],
  [{ epoch: 8, offset: 31 }, 'diverged'],
  [{ epoch: 6, offset: 0 }, 'known'],
  [{ epoch: 6, offset: 1 }, 'diverged'],
  [{ epoch: 5, offset: 1 }, 'unknown'],
  [{ epoch: 3, offset: 1 }, 'unknown'],
] as const)('[EPO1] %o is %s', (position, relation) => expect(relate(position, head, lineage)).toBe(relation));

test.each([
  [
    { epoch: 4, offset: 99 },
    { epoch: 4, offset: 99 },
  ],
  [
    { epoch: 4, offset: 100 },
    { epoch: 8, offset: 0 },
  ],
  [
    { epoch: 6, offset: 0 },
    { epoch: 8, offset: 0 },
  ],
  [
    { epoch: 8, offset: 30 },
    { epoch: 9, offset: 0 },
  ],
  [{ epoch: 9, offset: 50 }, head],
  [
    { epoch: 5, offset: 7 },
    { epoch: 5, offset: 7 },
  ],
])('[EPO1] %o is the same place as %o: empty epochs are passed over', (position, place) => {
  expect(normalise(position, head, lineage)).toEqual(place);
});

test('[EPO1] the last sixteen finished epochs are remembered', () => {
  let known: typeof lineage = [];
  for (let epoch = 1; epoch <= 40; epoch++) known = [...extendLineage(known, { epoch, offset: epoch * 10 })];
  expect(known).toHaveLength(MAX_LINEAGE);
  expect([known[0], known.at(-1)]).toEqual([
    { epoch: 25, end: 250 },
    { epoch: 40, end: 400 },
  ]);
});
