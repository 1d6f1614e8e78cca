import { describe, expect, test } from 'vitest';
import type { Batch } from '../wire/messages.ts';
import { HistoryRing } from './history-ring.ts';

function batch(epoch: number, first: number, next: number): Batch {
  return { type: 'batch', writer: epoch, epoch, first, next, events: [] };
}

function ringOf(...batches: readonly Batch[]): HistoryRing {
  const ring = new HistoryRing({ maxAgeMs: 1_000, maxBytes: 1_000 });
  for (const entry of batches) ring.push({ batch: entry, bytes: 10, at: 0 });
  return ring;
}

describe('what is remembered', () => {
  test('entries keep their numbers for as long as the ring lives', () => {
    const ring = ringOf();
    for (let index = 0; index < 10_000; index++) {
      ring.push({ batch: batch(1, index + 1, index + 2), bytes: 10, at: 0 });
      expect(ring.at(index)?.batch.first).toBe(index + 1);
    }
    expect([ring.start, ring.end, ring.bytes]).toEqual([9_900, 10_000, 1_000]);
    expect(ring.at(9_899)).toBeUndefined();
    expect(ring.at(9_900)?.batch.first).toBe(9_901);
    expect(ring.at(10_000)).toBeUndefined();
  });

  test('what is older than the bound is forgotten when something new comes', () => {
    const ring = ringOf();
    for (const at of [0, 500, 1_000]) ring.push({ batch: batch(1, at + 1, at + 2), bytes: 1, at });
    expect(ring.start).toBe(0);
    ring.push({ batch: batch(1, 3_000, 3_001), bytes: 1, at: 1_500.5 });
    expect([ring.start, ring.end]).toEqual([2, 4]);
  });

  test('the newest entry stays, however large or late', () => {
    const ring = ringOf(batch(1, 1, 2));
    ring.push({ batch: batch(1, 2, 3), bytes: 5_000, at: 99_999 });
    expect([ring.start, ring.end, ring.bytes]).toEqual([1, 2, 5_000]);
  });

  test('bytes are counted from any number on', () => {
    const ring = ringOf();
    for (let index = 0; index < 5; index++)
      ring.push({ batch: batch(1, index + 1, index + 2), bytes: 100 + index, at: 0 });
    expect([0, 1, 4, 5, 9].map(number => ring.bytesFrom(number))).toEqual([510, 410, 104, 0, 0]);
    expect([0, 1, 4, 5].map(number => ring.bytesBefore(number))).toEqual([0, 100, 406, 510]);
    ring.push({ batch: batch(1, 6, 7), bytes: 600, at: 0 });
    expect(ring.start).toBe(2);
    expect([0, 2, 3].map(number => ring.bytesFrom(number))).toEqual([909, 909, 807]);
  });

  test('after being cleared it remembers nothing, and numbers go on', () => {
    const ring = ringOf(batch(1, 1, 2), batch(1, 2, 3));
    ring.clear();
    expect([ring.start, ring.end, ring.bytes, ring.floor]).toEqual([2, 2, 0, null]);
    ring.push({ batch: batch(2, 1, 2), bytes: 10, at: 0 });
    expect([ring.at(2)?.batch.epoch, ring.bytesFrom(0)]).toEqual([2, 10]);
  });
});

describe('[RES1] finding a position', () => {
  const ring = ringOf(batch(5, 10, 20), batch(5, 20, 30), batch(7, 1, 5), batch(7, 5, 9));

  test.each([
    [{ epoch: 5, offset: 0 }, 0],
    [{ epoch: 5, offset: 9 }, 0],
    [{ epoch: 5, offset: 18 }, 0],
    [{ epoch: 5, offset: 19 }, 1],
    [{ epoch: 5, offset: 29 }, 2],
    [{ epoch: 7, offset: 0 }, 2],
    [{ epoch: 7, offset: 4 }, 3],
    [{ epoch: 7, offset: 8 }, 4],
    [{ epoch: 9, offset: 0 }, 4],
  ])('%o is followed by entry %i', (position, number) => expect(ring.firstAfter(position)).toBe(number));

  test('the floor is the position before the oldest entry', () => expect(ring.floor).toEqual({ epoch: 5, offset: 9 }));
});
