import fc from 'fast-check';
import { expect, test } from 'vitest';
import { trade } from '../../shared/model/testing/market-events.ts';
import { encodeMessage } from '../../shared/wire/json-codec.ts';
import type { Batch } from '../../shared/wire/messages.ts';
import type { KafkaRecord } from './kafka-connection.ts';
import { headOf, readBatch, readStreamRecord, writeStreamRecord } from './kafka-layout.ts';
import { HeldParts } from './kafka-parts.ts';
import { batchBytes, isIndivisible, piecesWithin } from './kafka-pieces.ts';

const LINEAGE = [{ epoch: 1, end: 9 }];

/** A batch of events with ids of given lengths, in so many parts. */
function recordsOf(lengths: readonly number[], parts: number): KafkaRecord[] {
  const events = lengths.map((length, index) => ({ ...trade(), id: 'é'.repeat(length), offset: index + 1 }));
  const each = Math.ceil(events.length / parts);
  const numbers = { epoch: 2, first: 1, next: events.length + 1 };
  return Array.from({ length: parts }, (_, index) => {
    const part = parts > 1 ? { part: index + 1, parts } : {};
    const message: Batch = {
      type: 'batch',
      writer: 2,
      ...numbers,
      ...part,
      lineage: LINEAGE,
      events: events.slice(index * each, (index + 1) * each),
    };
    const header = {
      type: 'batch',
      writer: 2,
      ...numbers,
      part: 1,
      parts: 1,
      ...part,
      start: 0,
      lineage: LINEAGE,
    } as const;
    return writeStreamRecord(header, encodeMessage(message));
  });
}

const fence = writeStreamRecord(
  { type: 'gap', writer: 2, epoch: 1, first: 10, next: 10, part: 1, parts: 1, start: 0, lineage: [] },
  null,
);

function assembled(pieces: readonly (readonly KafkaRecord[])[]) {
  const held = new HeldParts();
  return pieces.flat().flatMap((record, offset) => {
    const head = readStreamRecord({ ...record, offset })!;
    return held.add(head, readBatch(record.value)).flatMap(({ events }) => events);
  });
}

test('pieces hold the same events in order, none larger than allowed but for what cannot be divided', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 60 });
  const parts = fc.integer({ min: 1, max: 3 });
  fc.assert(
    fc.property(lengths, parts, fc.integer({ min: 200, max: 20_000 }), (of, inParts, maxBytes) => {
      const records = [fence, ...recordsOf(of, Math.min(inParts, of.length))];
      const pieces = piecesWithin(records, maxBytes);
      expect(pieces[0]![0]).toBe(fence);
      expect(assembled(pieces)).toEqual(assembled([records]));
      for (const piece of pieces) {
        expect(piece.length).toBeGreaterThan(0);
        expect(batchBytes(piece) <= maxBytes || isIndivisible(piece)).toBe(true);
        for (const { value, headers } of piece) {
          if (value === null) continue;
          const { epoch, first, next, part, parts: count, lineage } = headOf(value);
          const read = readStreamRecord({ key: null, value, headers, offset: 0 });
          expect({ part: 1, parts: 1, ...read }).toMatchObject({
            epoch,
            first,
            next,
            part: part ?? 1,
            parts: count ?? 1,
          });
          expect(lineage).toEqual(LINEAGE);
        }
      }
    }),
  );
});

test('parts of an attempt that was broken off are not mixed with those of the next one', () => {
  const [first, second, third] = recordsOf([1, 2, 3, 4, 5, 6], 3) as [KafkaRecord, KafkaRecord, KafkaRecord];
  const mark = { ...fence, headers: { ...fence.headers, type: 'fence' } };
  const whole = assembled([recordsOf([1, 2, 3, 4, 5, 6], 1)]);
  expect(assembled([[first, second, mark, first, second, third]])).toEqual(whole);
  expect(assembled([[first, second, first, second, third]])).toEqual(whole);
  // Of what it has not heard from its first part on, it says nothing.
  expect(assembled([[second, third]])).toEqual([]);
  expect(assembled([[first, mark, second, third]])).toEqual([]);
});
