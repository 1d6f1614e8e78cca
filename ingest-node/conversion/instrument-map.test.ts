import { expect, test } from 'vitest';
import { InstrumentMap } from './instrument-map.ts';

test('the same symbol of two exchanges is two instruments, until both are forgotten', () => {
  const [upbit, bithumb] = [
    { exchange: 'upbit', symbol: 'BTC/KRW' } as const,
    { exchange: 'bithumb', symbol: 'BTC/KRW' } as const,
  ];
  const values = new InstrumentMap<number>();
  values.set(upbit, 1);
  expect([values.get(upbit), values.get(bithumb)]).toEqual([1, undefined]);
  values.set(bithumb, 2);
  values.delete(upbit);
  expect([values.get(upbit), values.get(bithumb)]).toEqual([undefined, 2]);
  values.clear();
  expect(values.get(bithumb)).toBeUndefined();
});
