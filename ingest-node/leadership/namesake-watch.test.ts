import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { NamesakeWatch } from './namesake-watch.ts';

const OWN = { node: 'node-1', startedAt: 1_000 };
const OTHERS = [OWN, { node: 'node-2', startedAt: 2_000 }];
const NAMESAKE = { node: 'node-1', startedAt: 500 };

function watching() {
  const clock = new ManualClock();
  let told = 0;
  const watch = new NamesakeWatch(clock, () => told++);
  const lookFor = (seconds: number, ...others: readonly (typeof OWN)[]) => {
    for (let second = 0; second < seconds; second++) {
      watch.look(OWN, [...OTHERS, ...others]);
      clock.advance(1_000);
    }
    return told;
  };
  return { lookFor };
}

test('another node of our name is told once, when it cannot be an earlier life of ours any more', () => {
  const { lookFor } = watching();
  expect(lookFor(15, NAMESAKE)).toBe(0);
  expect(lookFor(1, NAMESAKE)).toBe(1);
  expect(lookFor(60, NAMESAKE)).toBe(1);
});

test('an earlier life that goes is none, nor are several one after the other', () => {
  const { lookFor } = watching();
  expect(lookFor(14, NAMESAKE)).toBe(0);
  expect(lookFor(1)).toBe(0);
  expect(lookFor(14, { ...NAMESAKE, startedAt: 700 })).toBe(0);
});

test('this node itself and others are none', () => {
  expect(watching().lookFor(60)).toBe(0);
});
