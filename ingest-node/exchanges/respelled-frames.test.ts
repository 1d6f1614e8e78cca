/**
 * A frame means the same however it is spelled: with white space, escapes, its keys in another order, keys that nobody
 * knows, numbers quoted or not or with more zeros. The quick ways of the frame reader lead through the first spelling only,
 * so the others prove them.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXCHANGES } from '../../shared/model/exchange.ts';
import { type LosslessValue, parseLosslessJson } from '../conversion/lossless-json.ts';
import { EXCHANGE_ADAPTERS } from './registry.ts';
import { RECEIVED_TIME, readFixtures } from './testing/fixtures.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`frames are respelled with FUZZ_SEED=${seed}`);

/** Answers one of so many, as a random document goes on. */
type Choose = (count: number) => number;

const STRANGERS = [
  '"zz":{"p":[1,{"trade_price":2}]}',
  '"":0',
  '"\\u007a":"\\u0000é"',
  '"long":[[],{},-0,1e-7,null,true]',
];

function respell(value: LosslessValue, choose: Choose): string {
  if (Array.isArray(value)) return `[${value.map(item => pad(respell(item, choose), choose)).join(',')}]`;
  if (typeof value === 'string') return respellText(value, choose);
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.entries(value).map(
    ([key, member]) => `${pad(quote(key, choose), choose)}:${pad(respell(member, choose), choose)}`,
  );
  if (choose(3) === 0) members.splice(choose(members.length + 1), 0, STRANGERS[choose(STRANGERS.length)]!);
  if (choose(3) === 0) members.reverse();
  return `{${members.join(',')}}`;
}

function respellText(text: string, choose: Choose): string {
  if (!/^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/.test(text)) return quote(text, choose);
  const longer = /^-?[0-9]+\.[0-9]{1,20}$/.test(text) ? text + '0'.repeat(choose(4)) : text;
  return choose(2) === 0 ? longer : quote(longer, choose);
}

function quote(text: string, choose: Choose): string {
  if (choose(4) > 0 || text === '') return JSON.stringify(text);
  const at = choose(text.length);
  const escaped = `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
  const rest = JSON.stringify(text.slice(at + 1)).slice(1);
  return JSON.stringify(text.slice(0, at)).slice(0, -1) + escaped + rest;
}

function pad(text: string, choose: Choose): string {
  return choose(6) === 0 ? ` ${text}\n` : text;
}

describe.each(EXCHANGES)('%s', exchange => {
  const adapter = EXCHANGE_ADAPTERS[exchange];
  const fixtures = readFixtures(exchange).filter(({ expected }) => {
    const { kind, rejections } = expected as { kind: string; rejections?: readonly unknown[] };
    return kind === 'events' && rejections?.length === 0;
  });

  it('means the same however a frame is spelled', () => {
    expect(fixtures.length).toBeGreaterThan(3);
    fc.assert(
      fc.property(
        fc.constantFrom(...fixtures),
        fc.infiniteStream(fc.nat()),
        ({ frame, expected, instruments }, numbers) => {
          const parsed = parseLosslessJson(frame);
          if (!parsed.ok) expect.fail(`no JSON: ${frame}`);
          const text = respell(parsed.value, count => Number(numbers.next().value) % count);
          const conversion = adapter.convert(Buffer.from(text), RECEIVED_TIME, instruments);
          expect({ text, conversion }).toEqual({ text, conversion: expected });
        },
      ),
      { seed, numRuns: 1_000 },
    );
  });
});
