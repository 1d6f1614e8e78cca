import { BLOCK_REACHES } from '../limits/ordered-block.ts';
import { EXCHANGES } from '../market/instruments.ts';
import { REFUSALS } from '../protocols/exchange-gate.ts';
import { FRAME_FAULTS } from '../protocols/frame-faults.ts';
import { isExchangeName } from '../truth-log.ts';
import type { Fault, FaultName } from './fault.ts';
import { readFields, type Shape } from './read-fields.ts';
import { REST_FAULTS } from './rest-faults.ts';
import { SUBSCRIBE_FAULTS } from './subscribe-faults.ts';

export const EXCHANGE = { is: isExchangeName, says: `one of ${EXCHANGES.join(', ')}` };
const COUNT = { is: isCount, says: 'a whole number above 0' };
const MS = { is: isDuration, says: 'milliseconds from 0 to 3600000' };
const TEXT = { is: (value: unknown) => typeof value === 'string' && value !== '', says: 'a text' };
const CHANNEL = { is: TEXT.is, says: 'a channel name such as trade' };
const SKEW = {
  is: (value: unknown) => typeof value === 'number' && value % 100 === 0 && Math.abs(value) <= 86_400_000,
  says: 'a multiple of 100 milliseconds, a day at most',
};
const FACTOR = { is: (value: unknown) => typeof value === 'number' && value >= 1 && value <= 100, says: '1 to 100' };
const ERROR_NAME = {
  is: (value: unknown) => typeof value === 'string' && /^[A-Z_]{1,40}$/.test(value),
  says: 'an error name such as NO_TICKET',
};

/** Fields each fault takes beside its own name. */
const SHAPES: Record<FaultName, Shape> = {
  drop: { optional: { exchange: EXCHANGE, count: COUNT } },
  stall: { required: { ms: MS }, optional: { exchange: EXCHANGE } },
  halfOpen: { optional: { exchange: EXCHANGE, count: COUNT } },
  slowReader: { required: { bytesPerSecond: COUNT, ms: MS }, optional: { exchange: EXCHANGE } },
  lateFrames: { required: { by: MS, ms: MS }, optional: { exchange: EXCHANGE } },
  errorFrame: { optional: { exchange: EXCHANGE, name: ERROR_NAME } },
  unknownEvent: { optional: { exchange: EXCHANGE } },
  serverShutdown: { optional: { closeAfterMs: MS } },
  refuse: { required: { ms: MS }, optional: { exchange: EXCHANGE, how: oneOf(REFUSALS) } },
  block: {
    required: { ms: MS },
    optional: { exchange: EXCHANGE, at: oneOf(BLOCK_REACHES), status: oneOf([403, 451]) },
  },
  failRest: { required: { path: TEXT, how: oneOf(REST_FAULTS) }, optional: { exchange: EXCHANGE, count: COUNT } },
  failSubscribe: {
    required: { how: oneOf(SUBSCRIBE_FAULTS) },
    optional: { exchange: EXCHANGE, code: TEXT, count: COUNT },
  },
  skipFrames: { required: { channel: CHANNEL }, optional: { exchange: EXCHANGE, code: TEXT, count: COUNT } },
  bendFrames: {
    required: { channel: CHANNEL, how: oneOf(FRAME_FAULTS.filter(fault => fault !== 'skip')) },
    optional: { exchange: EXCHANGE, code: TEXT, count: COUNT },
  },
  lagSnapshot: { required: { ms: MS } },
  skewClock: { required: { ms: SKEW }, optional: { exchange: EXCHANGE } },
  burst: { required: { factor: FACTOR, ms: MS } },
  clear: { optional: { exchange: EXCHANGE } },
};

export const FAULT_NAMES = Object.keys(SHAPES) as FaultName[];

/** Read a fault from outside; the text says everything that is wrong with it. */
export function readFault(body: unknown): Fault | string {
  const read = readFields(body, 'fault', SHAPES);
  return typeof read === 'string' ? read : (read as Fault);
}

function oneOf(words: readonly (string | number)[]): { is(value: unknown): boolean; says: string } {
  return { is: value => words.some(word => word === value), says: words.join(' or ') };
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 3_600_000;
}
