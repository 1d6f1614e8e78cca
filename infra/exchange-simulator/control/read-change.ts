import type { ChangeName, MarketChange } from '../market/life-cycle.ts';
import { EXCHANGE } from './read-fault.ts';
import { type Check, readFields, type Shape } from './read-fields.ts';

const SYMBOL: Check = {
  is: value => typeof value === 'string' && /^[^/\s]+\/[A-Z]+$/.test(value),
  says: 'a symbol such as BTC/KRW',
};
const ABOVE_ZERO: Check = { is: value => typeof value === 'number' && value > 0, says: 'a number above 0' };
const HALTS = ['HALT', 'BREAK', 'END_OF_DAY', 'CANCEL_ONLY'];
const MARKET = { exchange: EXCHANGE, symbol: SYMBOL };

const SHAPES: Record<ChangeName, Shape> = {
  list: {
    required: MARKET,
    optional: { usd: ABOVE_ZERO, quiet: { is: value => typeof value === 'boolean', says: 'true or false' } },
  },
  announce: {
    required: {
      ...MARKET,
      date: {
        is: value => typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value),
        says: 'a day such as 2026-12-31',
      },
    },
  },
  delist: { required: MARKET },
  halt: {
    required: MARKET,
    optional: { status: { is: value => HALTS.some(word => word === value), says: HALTS.join(' or ') } },
  },
  resume: { required: MARKET },
  rename: { required: { ...MARKET, to: SYMBOL } },
  quiet: { required: MARKET },
  oneSided: {
    required: { ...MARKET, empty: { is: value => value === 'bid' || value === 'ask', says: 'bid or ask' } },
  },
  cross: { required: MARKET, optional: { ms: ABOVE_ZERO } },
  tick: { required: { ...MARKET, factor: ABOVE_ZERO } },
};

/** Read a change of the market from outside; the text says everything that is wrong with it. */
export function readChange(body: unknown): MarketChange | string {
  const read = readFields(body, 'change', SHAPES);
  return typeof read === 'string' ? read : (read as MarketChange);
}
