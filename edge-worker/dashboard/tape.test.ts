import { expect, it } from 'vitest';
import type { Trade } from '../../shared/model/market-event.ts';
import { Tape } from './tape.ts';

const trade = (id: number) => ({ type: 'trade', id: String(id) }) as Trade;

it('the tape gives the latest lines once and keeps no backlog in the background', () => {
  const tape = new Tape(3);
  for (let id = 1; id <= 10_000; id++) tape.push(trade(id));
  expect(tape.take()).toEqual([trade(9_998), trade(9_999), trade(10_000)]);
  expect(tape.take()).toEqual([]);
  tape.push(trade(10_001));
  expect(tape.take()).toEqual([trade(10_001)]);
});
