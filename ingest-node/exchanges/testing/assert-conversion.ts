import { expect } from 'vitest';
import { isPositive, isZero, toDecimal } from '../../../shared/model/decimal.ts';
import { findModelViolation } from '../../conversion/validation.ts';
import type { Conversion, ExchangeAdapter, InstrumentIndex } from '../exchange-adapter.ts';

const REASONS: readonly string[] = [
  'invalidJson',
  'invalidUtf8',
  'tooLarge',
  'tooDeep',
  'unrecognised',
  'unsupportedChannel',
  'unknownInstrument',
  'invalidField',
  'crossedBook',
];

/** Everything an adapter promises about any frame: it does not throw, and what it says keeps to the contract and the model. */
export function convertAndCheck(
  adapter: ExchangeAdapter,
  frame: Uint8Array,
  receivedTime: number,
  instruments: InstrumentIndex,
): Conversion {
  const conversion = adapter.convert(frame, receivedTime, instruments);
  if (conversion.kind === 'control') {
    expect(['acknowledged', 'alive', 'refused', 'shutdown']).toContain(conversion.control.name);
    expect(JSON.stringify(conversion.control).length).toBeLessThan(2000);
    return conversion;
  }
  for (const { channel, reason, detail } of conversion.rejections) {
    if (!REASONS.includes(reason)) expect.fail(`no such reason: ${reason}`);
    if (!/^[\w.@+-]{1,32}$/.test(channel)) expect.fail(`an odd channel name: ${channel}`);
    if (detail.length > 400 || !detail.isWellFormed()) expect.fail(`an odd detail: ${detail}`);
  }
  if (conversion.kind === 'rejected') {
    expect(conversion.rejections.length).toBeGreaterThan(0);
    return conversion;
  }
  const bookDeltas = conversion.bookDeltas ?? [];
  expect(conversion.events.length + bookDeltas.length).toBeGreaterThan(0);
  for (const { first, last, bids, asks } of bookDeltas) {
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || last < first) expect.fail(`${first} to ${last}`);
    for (const [price, size] of [...bids, ...asks]) {
      if (toDecimal(price) !== price || toDecimal(size) !== size) expect.fail(`not canonical: ${price}, ${size}`);
      if (!isPositive(price) || !(isPositive(size) || isZero(size))) expect.fail(`no level: ${price}, ${size}`);
    }
  }
  for (const event of conversion.events) {
    const violation = findModelViolation(event);
    if (violation !== null) expect.fail(`${violation}: ${JSON.stringify(event)}`);
    const isOurs = event.exchange === adapter.exchange && event.offset === 0 && event.receivedTime === receivedTime;
    if (!isOurs) expect.fail(`not ours: ${JSON.stringify(event)}`);
  }
  return conversion;
}
