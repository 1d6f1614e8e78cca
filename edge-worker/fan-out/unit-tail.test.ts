import { describe, expect, test } from 'vitest';
import type { RelayUnit } from './relay-unit.ts';
import { UnitTail } from './unit-tail.ts';

function unit(epoch: number, first: number, next: number, text = 'x'): RelayUnit {
  const messages = [text];
  return { epoch, first, next, messages: { full: messages, lite: messages } };
}

function tail(): UnitTail {
  const made = new UnitTail({ maxAgeMs: 60_000, maxBytes: 1_000 });
  made.reset({ epoch: 5, offset: 10 }, [{ epoch: 4, end: 20 }]);
  made.push(unit(5, 11, 21), 0);
  made.push(unit(5, 21, 31), 0);
  return made;
}

describe('what follows from a position', () => {
  const plan = (epoch: number, offset: number) => {
    const planned = tail().plan({ epoch, offset });
    return planned.kind === 'resume' ? planned.units.map(({ first }) => first) : planned;
  };

  test('[RES1] inside history: the units that hold something new, and no others', () => {
    expect(plan(5, 10)).toEqual([11, 21]);
    expect(plan(5, 15)).toEqual([11, 21]);
    expect(plan(5, 20)).toEqual([21]);
    expect(plan(5, 30)).toEqual([]);
  });

  test('[RES1] ahead: what comes', () => {
    expect(plan(5, 99)).toEqual([]);
    expect(plan(6, 1)).toEqual([]);
  });

  test('[GAP1] before history: somebody else may know', () => {
    expect(plan(5, 9)).toEqual({ kind: 'beyond' });
    expect(plan(4, 20)).toEqual({ kind: 'beyond' });
  });

  test('[EPO1] of a foreign epoch, or past the end of a finished one', () => {
    expect(plan(3, 1)).toEqual({ kind: 'snapshot', reason: 'lost' });
    expect(plan(4, 21)).toEqual({ kind: 'snapshot', reason: 'diverged' });
  });

  test('[EPO1] the end of an epoch is the beginning of the next', () => {
    const made = new UnitTail();
    made.reset({ epoch: 4, offset: 20 }, []);
    const first = { ...unit(5, 1, 11), lineage: [{ epoch: 4, end: 20 }] };
    expect(made.relationOf(first)).toBe('next');
    made.push(first, 0);
    expect(made.plan({ epoch: 4, offset: 20 })).toEqual({ kind: 'resume', units: [first] });
  });
});

describe('how a unit lies to the head', () => {
  test.each([
    [unit(5, 31, 41), 'next'],
    [unit(5, 25, 41), 'next'],
    [unit(5, 21, 31), 'old'],
    [unit(4, 99, 100), 'old'],
    [unit(5, 32, 41), 'hole'],
    [unit(6, 1, 5), 'hole'],
  ] as const)('[TRM1] [GAP1] %o is %s', (each, relation) => {
    expect(tail().relationOf(each)).toBe(relation);
  });

  test('[EPO1] a new epoch that continues ours is next, one that does not is a hole', () => {
    expect(tail().relationOf({ ...unit(6, 1, 5), lineage: [{ epoch: 5, end: 30 }] })).toBe('next');
    expect(tail().relationOf({ ...unit(6, 1, 5), lineage: [{ epoch: 5, end: 33 }] })).toBe('hole');
    expect(tail().relationOf({ ...unit(6, 2, 5), lineage: [{ epoch: 5, end: 30 }] })).toBe('hole');
  });
});

describe('bounds', () => {
  test('the oldest goes when there is too much, the newest stays however large', () => {
    const made = tail();
    made.push(unit(5, 31, 41, 'x'.repeat(999)), 0);
    expect(made.floor).toEqual({ epoch: 5, offset: 20 });
    made.push(unit(5, 41, 51, 'x'.repeat(5_000)), 0);
    expect(made.floor).toEqual({ epoch: 5, offset: 40 });
    expect(made.bytes).toBe(5_000);
  });

  test('the oldest goes when it is too old', () => {
    const made = tail();
    made.push(unit(5, 31, 41), 60_001);
    expect(made.floor).toEqual({ epoch: 5, offset: 30 });
  });
});

describe('healing', () => {
  test('[GAP1] older units are put before; what is known already is dropped', () => {
    const made = tail();
    made.prepend([unit(5, 1, 6), unit(5, 6, 11), unit(5, 11, 21)], 0);
    expect(made.floor).toEqual({ epoch: 5, offset: 0 });
    expect(made.before(null).map(({ first }) => first)).toEqual([1, 6, 11, 21]);
  });

  test('[TRM1] the last of them may reach over the floor', () => {
    const made = tail();
    made.prepend([unit(5, 3, 15)], 0);
    expect(made.plan({ epoch: 5, offset: 2 })).toMatchObject({ kind: 'resume' });
  });

  test('[GAP1] units that leave a hole before the floor are refused', () => {
    const made = tail();
    made.prepend([unit(5, 1, 6)], 0);
    expect(made.floor).toEqual({ epoch: 5, offset: 10 });
  });

  test('[EPO1] history of an earlier epoch touches the beginning of ours', () => {
    const made = new UnitTail();
    made.reset({ epoch: 5, offset: 0 }, [{ epoch: 4, end: 20 }]);
    made.push(unit(5, 1, 11), 0);
    made.prepend([unit(4, 11, 21)], 0);
    expect(made.plan({ epoch: 4, offset: 12 })).toMatchObject({ kind: 'resume', units: [{ epoch: 4 }, { epoch: 5 }] });
  });

  test('what was just healed is kept for a moment beyond the bounds: somebody is about to read it', () => {
    const made = tail();
    made.push(unit(5, 31, 41, 'x'.repeat(990)), 0);
    made.prepend([unit(5, 1, 21, 'x'.repeat(800))], 0);
    expect(made.floor).toEqual({ epoch: 5, offset: 0 });
    made.push(unit(5, 41, 51), 10_000);
    expect(made.floor!.offset).toBeGreaterThan(0);
  });
});
