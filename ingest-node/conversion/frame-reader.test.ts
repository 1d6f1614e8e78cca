import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDecimals, isPositive, isZero, toDecimal } from '../../shared/model/decimal.ts';
import { toId } from '../../shared/model/id.ts';
import { toMillis } from '../../shared/model/time.ts';
import { type FrameNode, FrameReader } from './frame-reader.ts';
import { type LosslessResult, type LosslessValue, parseLosslessJson } from './lossless-json.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`documents are made with FUZZ_SEED=${seed}`);

/** Of these keys the values can be asked for; documents are made of them and of others. More than there are bits for. */
const DECLARED = [
  'p',
  'q',
  'price',
  'orderbook_units',
  '',
  'été',
  '__proto__',
  ...Array.from('abcdefghijklmnoABCDEFGHIJKLMNO'),
];
const SPELLING = Object.fromEntries(DECLARED.map(key => [key, key]));

/** One that has read much is tried as well as a fresh one: it remembers keys and texts. */
const learned = new FrameReader();
const KEYS = learned.keys(SPELLING);

const piece = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '{"p":',
    '{"w":',
    ',"n":',
    ',"q":',
    '"price":',
    '"\\u0070":1',
    '"été":[{"a":1}]',
    '""',
  ],
  ...[
    '"":',
    '{"":1}',
    '"__proto__":',
    '"orderbook_units":[',
    '{"p":1,"q":2}',
    '{"p" : 1 , "q" : 2}',
    '"pric',
    '"pricey":',
  ],
  ...[
    '1',
    '1.50',
    '-0.0',
    '-0',
    '"0.4200"',
    '"7.0"',
    '"7."',
    '".0"',
    '"-"',
    '"007.10"',
    '1e5',
    '1.50E2',
    '5.0E-4',
    '0e9',
  ],
  ...['1.16539E8', '17853950411240001', '1e400', '0.00000001e-1', '1'.repeat(101), `0.${'0'.repeat(97)}1`, '"1.0x"'],
  ...[
    'true',
    'null',
    'false',
    'tru',
    'nulL',
    '"',
    '"가0.0"',
    '"\\ud800"',
    '"\\x"',
    '\\',
    '\u0000',
    '\u001f',
    ' ',
    '\t\n\r ',
  ],
  ...[
    '-',
    '.',
    '0',
    '00',
    '[1.0,"1.0"]',
    '{"n":{"w":"1.10"},"b":"1.10"}',
    '"KRW-BTC"',
    '"2021-04-17"',
    '"a b c d e f"',
  ],
);
const soup = fc.array(piece, { maxLength: 14 }).map(pieces => pieces.join(''));
const json = fc
  .array(fc.tuple(fc.constantFrom(...DECLARED, 'other', 'n'), fc.json({ maxDepth: 3 })), { maxLength: 6 })
  .map(members => `{${members.map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(',')}}`);
const mutated = fc
  .tuple(fc.oneof(soup, json), fc.nat(), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 3 }))
  .map(([text, position, lost, added]) => {
    const bytes = Buffer.from(text);
    const at = position % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + lost)]);
  });
const document = fc.oneof(
  soup.map(text => Buffer.from(text)),
  json.map(text => Buffer.from(text)),
  mutated,
);

function readBy(frame: FrameReader, bytes: Uint8Array): LosslessResult {
  const reason = frame.read(bytes);
  return reason === null ? { ok: true, value: frame.value(frame.root) as LosslessValue } : { ok: false, reason };
}

/** Walks the reader's notes and what the lossless reader made of the same bytes, side by side. */
function expectAlike(frame: FrameReader, node: FrameNode, value: LosslessValue | undefined): void {
  const text = typeof value === 'string' ? value : null;
  const decimal = text === null ? null : toDecimal(text);
  const isArray = Array.isArray(value);
  const isObject = typeof value === 'object' && value !== null && !isArray;
  const said = {
    value: [frame.value(node), value],
    text: [frame.text(node), text],
    isText: [frame.isText(node), text !== null],
    isEmpty: [frame.isEmpty(node), value === undefined || value === null || value === ''],
    flag: [frame.flag(node), typeof value === 'boolean' ? value : null],
    decimal: [frame.decimal(node), decimal],
    sign: [frame.sign(node), decimal === null ? null : isZero(decimal) ? 0 : isPositive(decimal) ? 1 : -1],
    id: [frame.id(node), text === null ? null : toId(text)],
    isArray: [frame.isArray(node), isArray],
    isObject: [frame.isObject(node), isObject],
    ...Object.fromEntries(
      (['s', 'ms', 'us', 'ns'] as const).map(unit => [
        unit,
        [frame.millis(node, unit), text === null ? null : toMillis(text, unit)],
      ]),
    ),
  };
  for (const [name, [actual, expected]] of Object.entries(said)) {
    if (!isDeepStrictEqual(actual, expected))
      expect({ name, value, says: actual }).toEqual({ name, value, says: expected });
  }
  const items = isArray ? value : [];
  let count = 0;
  for (let item = frame.first(node); item < frame.end(node); item = frame.next(item)) {
    if (frame.item(node, count) !== item) expect.fail(`item ${count} of ${JSON.stringify(value)}`);
    expectAlike(frame, item, items[count]);
    count += 1;
  }
  if (count !== items.length || frame.isThere(frame.item(node, count)))
    expect.fail(`items of ${JSON.stringify(value)}`);
  for (const [name, key] of Object.entries(KEYS)) {
    const member = frame.member(node, key);
    const isThere = isObject && Object.hasOwn(value, name);
    if (frame.isThere(member) !== isThere) expect.fail(`member ${name} of ${JSON.stringify(value)}`);
    if (isThere) expectAlike(frame, member, value[name]);
  }
}

function expectAsLossless(bytes: Uint8Array): void {
  const expected = parseLosslessJson(bytes);
  const fresh = new FrameReader();
  fresh.keys(SPELLING);
  for (const frame of [fresh, learned]) {
    const read = readBy(frame, bytes);
    if (!isDeepStrictEqual(read, expected)) expect(read).toEqual(expected);
  }
  if (expected.ok) expectAlike(learned, learned.root, expected.value);
}

describe('frame reader', () => {
  it('accepts, refuses and understands what the lossless reader does, whatever it has read before', () => {
    fc.assert(fc.property(document, expectAsLossless), { seed, numRuns: 4_000 });
  });

  it('takes the last of repeated keys, also where more keys are declared than there are bits', () => {
    for (const text of [
      '{"p":1,"p":[{"p":2}],"q":3,"p":"4"}',
      `{${DECLARED.map((key, i) => `${JSON.stringify(key)}:${i},"p":${i}`).join(',')}}`,
      '{"p":{"p":1,"q":{"p":2}},"q":{"q":1,"q":2}}',
      ...['{"n":0,"q":0,"p":1}', '{"q":{"p":2},"p":3}', '{"q":{"q":4,"p":5},"p":6}', '[{"q":1},{"p":2}]'],
    ]) {
      expectAsLossless(Buffer.from(text));
    }
  });

  it('does not take an unexpected key for the one that came last time', () => {
    for (const text of [
      ...['{"ab":1,"price":2}', '{"ab":1,"pricey":2}', '{"ab":1,"pric":2}', '{"ab":1,"\\u0070rice":2,"q":3}'],
      ...['{"ab":1,"":2,"q":3}', '{"ab":1,"price', '{"ab":1,"price"', '{"ab":1,"price":', '{"":1}', '{', '{"'],
    ]) {
      expectAsLossless(Buffer.from(text));
    }
  });

  it('sees nothing of the frame before', () => {
    const frame = new FrameReader();
    const { p } = frame.keys({ p: 'p' });
    expect(frame.read(Buffer.from('{"p":1,"q":[1,2,3]}     '))).toBeNull();
    for (const text of ['', '{', '{"p"', '{"p":', '{"p":1', '[', '"', '"\\', '1e', '-', 't']) {
      expect(frame.read(Buffer.from(text)), text).toBe('invalidJson');
      expect(frame.isThere(frame.member(frame.root, p))).toBe(false);
      expect(frame.value(frame.root)).toBeUndefined();
    }
  });

  it('orders numbers as their canonical texts', () => {
    const number = fc
      .tuple(
        fc.constantFrom('', '', '9', '116539', '0', '10'),
        fc.nat({ max: 200 }),
        fc.constantFrom('', '0', '.0', '.50', 'e-3', 'E8'),
      )
      .map(([head, middle, tail]) => `${BigInt(`${head}${middle}`)}${tail}`)
      .filter(text => Number(text) > 0);
    fc.assert(
      fc.property(number, number, (one, other) => {
        expect(learned.read(Buffer.from(`[${one},"${other}"]`))).toBeNull();
        const [a, b] = [learned.item(learned.root, 0), learned.item(learned.root, 1)];
        expect(learned.compare(a, b)).toBe(compareDecimals(toDecimal(one)!, toDecimal(other)!));
      }),
      { seed, numRuns: 3_000 },
    );
  });

  it('reads as many numbers with exponents as a frame can hold', () => {
    const texts = Array.from({ length: 2_000 }, (_, i) => `${i + 1}.5E-${i % 90}`);
    expect(learned.read(Buffer.from(`[${texts.join(',')}]`))).toBeNull();
    let i = 0;
    for (let item = learned.first(learned.root); item < learned.end(learned.root); item = learned.next(item)) {
      expect([learned.decimal(item), learned.text(item)]).toEqual([toDecimal(texts[i]!), texts[i]]);
      i += 1;
    }
    expect(i).toBe(texts.length);
  });

  it('keeps no frame for the sake of a text, and gives the room of a large one back', () => {
    const frame = new FrameReader();
    const { p, q } = frame.keys({ p: 'p', q: 'q' });
    const long = 'x'.repeat(2_000_000);
    const bytes = Buffer.from(
      `{"p":17853950411240001,"q":["280460.37885666",${'1.5,'.repeat(20)}"KRW-BTC"],"r":"${long}"}`,
    );
    const kept: unknown[] = [];
    const growth = memoryGrowth(() => {
      for (let i = 0; i < 20; i += 1) {
        expect(frame.read(bytes)).toBeNull();
        kept.push(frame.id(frame.member(frame.root, p)));
        const list = frame.member(frame.root, q);
        for (let item = frame.first(list); item < frame.end(list); item = frame.next(item)) {
          kept.push(frame.decimal(item), frame.text(item));
        }
      }
      expect(frame.read(Buffer.from('{}'))).toBeNull();
    });
    expect(kept.length).toBe(20 * 45);
    expect(growth).toBeLessThan(4_000_000);
  });

  it('remembers no more keys of a hostile frame than of any other', () => {
    const frame = new FrameReader();
    const { p } = frame.keys({ p: 'p' });
    const growth = memoryGrowth(() => {
      for (let i = 0; i < 20; i += 1) {
        const many = Array.from({ length: 50_000 }, (_, k) => `"${i}_${k}":0`).join(',');
        for (const text of [`{${many},"p":${i}}`, `{"a${i}":0,"${i}${'x'.repeat(1_000_000)}":0,"p":${i}}`]) {
          expect(frame.read(Buffer.from(text))).toBeNull();
          expect(frame.id(frame.member(frame.root, p))).toBe(String(i));
        }
      }
      expect(frame.read(Buffer.from('{}'))).toBeNull();
    });
    expect(growth).toBeLessThan(3_000_000);
  });

  it('reads any number of layouts, known, forgotten and met again', () => {
    const frame = new FrameReader();
    const { p, q, list } = frame.keys({ p: 'p', q: 'q', list: 'list' });
    const layouts = Array.from({ length: 1_000 }, (_, i) => i);
    for (const i of [...layouts, ...layouts.toReversed(), ...layouts]) {
      const text = `{"a${i % 40}":0,"p":${i},"list":[{"b${i}":0,"q":1}, {"q":2,"c${i}":0}],"d${i}":{"q":0},"q":${i + 1}}`;
      expect(frame.read(Buffer.from(text))).toBeNull();
      const rows = frame.member(frame.root, list);
      const found = [frame.member(frame.root, p), frame.member(frame.root, q)];
      for (let row = frame.first(rows); row < frame.end(rows); row = frame.next(row)) found.push(frame.member(row, q));
      expect(found.map(node => frame.decimal(node))).toEqual([`${i}`, `${i + 1}`, '1', '2']);
    }
  });

  it('has limits: 4 MiB, 64 arrays or objects inside one another', () => {
    const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
    expect(learned.read(nested(64))).toBeNull();
    expect(learned.read(nested(65))).toBe('tooDeep');
    expect(learned.read(Buffer.alloc(4 * 1024 * 1024 + 1, 0x20))).toBe('tooLarge');
    expect(learned.read(Buffer.from(`"${'x'.repeat(4 * 1024 * 1024 - 2)}"`))).toBeNull();
    expect(learned.read(Buffer.from(`[${'1,'.repeat(1_000_000)}1]`))).toBeNull();
    expect(learned.read(Buffer.from('{"a":'.repeat(100_000)))).toBe('tooDeep');
  });

  it('does not throw at what the signature forbids', () => {
    for (const wrong of [null, undefined, 1, {}, [], new ArrayBuffer(2)]) {
      expect(learned.read(wrong as unknown as Uint8Array)).toBe('invalidJson');
    }
  });

  const captures = new URL('../../../shared/data/frames/', import.meta.url);
  it.skipIf(!existsSync(captures))(
    'reads captured frames alike (skipped where no collection of them lies near)',
    () => {
      for (const exchange of ['binance', 'upbit', 'bithumb', 'coinone']) {
        const folder = new URL(`${exchange}/`, captures);
        for (const file of existsSync(folder) ? readdirSync(folder) : []) {
          const lines = readFileSync(new URL(file, folder), 'utf8').split('\n');
          for (const line of lines) {
            if (line === '') continue;
            const bytes = Buffer.from((JSON.parse(line) as { raw: string }).raw);
            if (bytes.length < 10_000) expect(readBy(learned, bytes)).toEqual(parseLosslessJson(bytes));
          }
        }
      }
    },
  );
});

/** Bytes still in use after `work` that were not before. */
function memoryGrowth(work: () => void): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const inUse = (): number => {
    for (let i = 0; i < 6; i += 1) collect();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return heapUsed + external + arrayBuffers;
  };
  const before = inUse();
  work();
  return inUse() - before;
}
