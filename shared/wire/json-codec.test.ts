import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage, heartbeatAt, isHeartbeat } from './json-codec.ts';
import type { ServerMessage } from './messages.ts';

const count = fc.integer({ min: 0, max: 2 ** 50 });
const lineage = fc.array(fc.record({ epoch: count, end: count }), { maxLength: 16 });
/** Events whose offsets rise from `first`; bodies are the sender's promise, so anything may be in them. */
const events = (first: number) =>
  fc
    .array(fc.record({ type: fc.constantFrom('trade', 'ticker', 'ofALaterVersion'), symbol: fc.string() }), {
      maxLength: 5,
    })
    .map(list => list.map((event, index) => ({ ...event, offset: first + index })));

const hello = fc.record({
  type: fc.constant('hello'),
  protocol: count,
  server: fc.string(),
  cut: fc.constantFrom('full', 'lite'),
  epoch: count,
  offset: count,
  lineage,
});
const status = fc.record({
  type: fc.constant('status'),
  upstream: fc.constantFrom('live', 'seeking'),
  since: fc.double({ min: 0, max: 4e12, noNaN: true }).map(Math.abs),
});
const snapshot = fc
  .record({
    epoch: count,
    offset: count,
    part: fc.integer({ min: 1, max: 9 }),
    reason: fc.constantFrom('initial', 'lost'),
    lineage,
    events: events(1),
  })
  .map(given => ({ type: 'snapshot', parts: 9, recovered: given.reason !== 'lost', ...given }));
const batch = fc
  .tuple(count, count, fc.integer({ min: 1, max: 2 ** 50 }), fc.option(lineage, { nil: undefined }))
  .chain(([writer, epoch, first, known]) =>
    events(first).map(list => ({
      type: 'batch',
      writer,
      epoch,
      first,
      next: first + list.length,
      ...(known === undefined ? {} : { lineage: known }),
      events: list,
    })),
  );

test('every message survives the wire', () => {
  fc.assert(
    fc.property(fc.oneof(hello, status, snapshot, batch), given => {
      const message = given as unknown as ServerMessage;
      expect(decodeMessage(encodeMessage(message))).toEqual({ ok: true, message });
    }),
  );
});

test('hostile text never throws', () => {
  const deep = '['.repeat(200_000);
  for (const text of [deep, '', '\0', '{"__proto__":{"type":"hello"}}', '{"type":"toString"}', '1e999', '"batch"']) {
    expect(decodeMessage(text).ok).toBe(false);
  }
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), text => !decodeMessage(text).ok));
});

test('a message with any one field spoilt never throws, and order and position are never accepted spoilt', () => {
  const spoils = fc.constantFrom(null, undefined, -1, 1.5, '1', true, [], {}, Number.MAX_VALUE, 'x'.repeat(1_000));
  fc.assert(
    fc.property(fc.oneof(hello, status, snapshot, batch), fc.nat(), spoils, (message, index, spoil) => {
      const names = Object.keys(message).filter(
        name => !['server', 'events', 'lineage', 'type', 'recovered', 'since'].includes(name),
      );
      const name = names[index % names.length]!;
      expect(decodeMessage(JSON.stringify({ ...message, [name]: spoil })).ok).toBe(false);
    }),
  );
});

describe('refused', () => {
  const good = {
    type: 'batch',
    writer: 5,
    epoch: 5,
    first: 3,
    next: 5,
    events: [
      { type: 'trade', offset: 3 },
      { type: 'trade', offset: 4 },
    ],
  };

  test('the batch that the others are spoilt from is good', () => {
    expect(decodeMessage(JSON.stringify(good)).ok).toBe(true);
  });

  test.each([
    ['[ORD1] an offset before the first', { events: [{ type: 'trade', offset: 2 }] }],
    ['[ORD1] an offset beyond the end', { events: [{ type: 'trade', offset: 5 }] }],
    ['[ORD1] an offset twice', { events: [good.events[0], good.events[0]] }],
    ['[ORD1] offsets that fall', { events: [good.events[1], good.events[0]] }],
    ['[HB1] a heartbeat with events', { next: 3 }],
    ['a batch that ends before it begins', { next: 2, events: [] }],
    ['an offset of nothing', { first: 0, events: [] }],
    ['events without an offset', { events: [{ type: 'trade' }] }],
    ['events without a type', { events: [{ offset: 3 }] }],
    ['[SNP1] a part beyond the last', { part: 3, parts: 2 }],
    ['[SNP1] parts without a number', { parts: 2 }],
    ['[EPO1] a lineage that is none', { lineage: [{ epoch: 5 }] }],
  ])('%s', (_, spoil) => {
    expect(decodeMessage(JSON.stringify({ ...good, ...spoil }))).toEqual({
      ok: false,
      reason: 'malformed',
      detail: 'batch',
    });
  });

  test('a status without a time', () => {
    expect(decodeMessage('{"type":"status","upstream":"live","since":1e999}').ok).toBe(false);
  });
});

test('a reader passes over messages of a later version', () => {
  expect(decodeMessage('{"type":"weather"}')).toEqual({ ok: false, reason: 'unknownType' });
});

test('a reader passes over fields and events that it does not know', () => {
  const text =
    '{"type":"batch","writer":1,"epoch":1,"first":1,"next":2,"events":[{"type":"weather","offset":1}],"more":1}';
  expect(decodeMessage(text).ok).toBe(true);
});

test('[HB1] a heartbeat is an empty batch at its position', () => {
  const beat = heartbeatAt(7, 5, 9);
  expect(beat).toEqual({ type: 'batch', writer: 7, epoch: 5, first: 10, next: 10, events: [] });
  expect([isHeartbeat(beat), isHeartbeat({ ...beat, next: 11 })]).toEqual([true, false]);
  expect(heartbeatAt(7, 7, 0, [{ epoch: 5, end: 9 }]).lineage).toEqual([{ epoch: 5, end: 9 }]);
});
