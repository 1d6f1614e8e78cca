import { expect, test } from 'vitest';
import { StreamReceiver } from '../../shared/stream/stream-receiver.ts';
import { decodeMessage } from '../../shared/wire/json-codec.ts';
import { type Cut, MAX_PART_BYTES } from '../../shared/wire/messages.ts';
import { MadeUpStream } from '../testing/made-up-stream.ts';
import { buildUnits, type RelayUnit, unitBytes } from './relay-unit.ts';

function deliver(units: readonly RelayUnit[], cut: Cut, from: { epoch: number; offset: number }) {
  const receiver = new StreamReceiver(from);
  const events: { offset: number; type: string }[] = [];
  for (const unit of units) {
    for (const text of unit.messages[cut]) {
      const decoded = decodeMessage(text);
      if (!decoded.ok) throw new Error(text);
      const received = receiver.receive(decoded.message);
      if (received.kind === 'batch') events.push(...received.batch.events);
      else expect(received).toMatchObject({ kind: 'nothing', why: 'partial' });
    }
  }
  return { receiver, events };
}

test('[CNF1] merging keeps every trade and the last of each key', () => {
  const stream = new MadeUpStream();
  const batches = Array.from({ length: 10 }, () => stream.seal(12));
  const units = buildUnits(batches);
  expect(units).toHaveLength(1);
  const { events, receiver } = deliver(units, 'full', { epoch: 1_000, offset: 1 });
  expect(events.filter(({ type }) => type === 'trade')).toHaveLength(30);
  expect(events.filter(({ type }) => type === 'quote')).toHaveLength(3);
  expect(receiver.position).toEqual(stream.log.position);
});

test('[CUT1] both cuts cover the same offsets', () => {
  const stream = new MadeUpStream();
  const [unit] = buildUnits([stream.seal(40)]);
  const { events, receiver } = deliver([unit!], 'lite', { epoch: 1_000, offset: 1 });
  expect(events.some(({ type }) => type === 'orderBook')).toBe(false);
  expect(receiver.position).toEqual(stream.log.position);
});

test('[EPO1] epochs are never merged, and the first batch of one keeps its lineage', () => {
  const stream = new MadeUpStream();
  const before = stream.seal(4);
  stream.takeOver();
  const after = stream.seal(4);
  const units = buildUnits([before, after]);
  expect(units.map(({ epoch, first }) => [epoch, first])).toEqual([
    [1_000, 2],
    [1_001, 1],
  ]);
  expect(units[1]!.lineage).toEqual([{ epoch: 1_000, end: 5 }]);
});

test('[SNP1] what is large travels in several units, in parts of bounded size', () => {
  const stream = new MadeUpStream();
  const batches = Array.from({ length: 20 }, () => stream.seal(1_000));
  const units = buildUnits(batches);
  expect(units.length).toBeGreaterThan(1);
  for (const unit of units) {
    expect(unitBytes(unit)).toBeLessThan(1_000_000);
    for (const text of unit.messages.full) expect(text.length).toBeLessThanOrEqual(MAX_PART_BYTES);
  }
  const { receiver } = deliver(units, 'full', { epoch: 1_000, offset: 1 });
  expect(receiver.position).toEqual(stream.log.position);
});

test('[SNP1] one enormous sealed batch travels in parts too', () => {
  const stream = new MadeUpStream();
  const [unit] = buildUnits([stream.seal(8_000)]);
  expect(unit!.messages.full.length).toBeGreaterThan(1);
  const { receiver, events } = deliver([unit!], 'full', { epoch: 1_000, offset: 1 });
  expect(receiver.position).toEqual(stream.log.position);
  expect(events.filter(({ type }) => type === 'trade')).toHaveLength(2_000);
});
