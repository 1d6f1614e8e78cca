import { expect, test } from 'vitest';
import type { MarketEvent } from '../model/market-event.ts';
import { deepOrderBook, trade } from '../model/testing/market-events.ts';
import { MAX_PART_BYTES } from '../wire/messages.ts';
import { type Assembly, assemble, encodeParts, isComplete, withEvents } from './parts.ts';

type Message = { readonly events: readonly MarketEvent[] };

/** Hands in numbered parts of messages with a key; says what was assembled. */
function assembled(...given: readonly (readonly [key: string, part: number, parts: number])[]): string[] {
  const whole: string[] = [];
  let assembly: Assembly<Message> | null = null;
  for (const [key, part, parts] of given) {
    assembly = assemble(assembly, { events: [trade('A/KRW', { id: `${part}` })] }, key, part, parts);
    if (!isComplete(assembly)) continue;
    whole.push(`${key}:${assembly.events.map(event => (event.type === 'trade' ? event.id : '')).join('')}`);
    assembly = null;
  }
  return whole;
}

test('[SNP1] events are split over parts that stay within the bound, in order and complete', () => {
  const events = Array.from({ length: 2_000 }, (_, index) => deepOrderBook(`C${index}/KRW`, 15));
  const parts = encodeParts(events);
  expect(parts.length).toBeGreaterThan(5);
  for (const part of parts) expect(withEvents({ type: 'snapshot' }, part).length).toBeLessThanOrEqual(MAX_PART_BYTES);
  expect(parts.flatMap(part => JSON.parse(`[${part}]`))).toEqual(events);
});

test('[SNP1] an event larger than a part gets one of its own', () => {
  const large = deepOrderBook('B/KRW', 10_000);
  const parts = encodeParts([trade('A/KRW', { id: '1' }), large, trade('C/KRW', { id: '2' })]);
  expect(parts.map(part => JSON.parse(`[${part}]`).length)).toEqual([1, 1, 1]);
});

test('nothing is one empty part', () => {
  expect(encodeParts([])).toEqual(['']);
  expect(JSON.parse(withEvents({ type: 'snapshot', part: 1 }, ''))).toEqual({ type: 'snapshot', part: 1, events: [] });
});

test('[SNP1] parts in order make one message', () => {
  expect(assembled(['a', 1, 3], ['a', 2, 3], ['a', 3, 3])).toEqual(['a:123']);
});

test('[TRM1] parts that come twice do no harm', () => {
  expect(assembled(['a', 1, 3], ['a', 1, 3], ['a', 2, 3], ['a', 1, 3], ['a', 2, 3], ['a', 3, 3])).toEqual(['a:123']);
});

test('[GAP1] a message with a missing part is never complete', () => {
  expect(assembled(['a', 1, 3], ['a', 3, 3], ['a', 3, 3])).toEqual([]);
  expect(assembled(['a', 2, 3], ['a', 3, 3])).toEqual([]);
});

test('[GAP1] parts of different messages, or of one message split differently, are not mixed', () => {
  expect(assembled(['a', 1, 2], ['b', 2, 2], ['a', 2, 2])).toEqual([]);
  expect(assembled(['a', 1, 2], ['a', 2, 3], ['a', 3, 3])).toEqual([]);
  expect(assembled(['a', 1, 2], ['b', 1, 2], ['b', 2, 2])).toEqual(['b:12']);
});
