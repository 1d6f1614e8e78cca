import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LosslessResult, type LosslessValue, parseLosslessJson, readLosslessItems } from './lossless-json.ts';

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What our reader must answer, by way of the runtime's own parser: the reviver is told the text of each number. */
function oracle(text: string): LosslessResult {
  type Reviver = (key: string, value: LosslessValue, context: { source: string }) => LosslessValue;
  const reviver: Reviver = (_key, value, context) => (typeof value === 'number' ? context.source : value);
  try {
    return { ok: true, value: JSON.parse(text, reviver as (key: string, value: unknown) => unknown) };
  } catch {
    return { ok: false, reason: 'invalidJson' };
  }
}

function expectAsOracle(text: string): void {
  const actual = parseLosslessJson(encoder.encode(text));
  const expected = oracle(text);
  if (!isDeepStrictEqual(actual, expected)) expect({ text, result: actual }).toEqual({ text, result: expected });
}

function read(document: string | Uint8Array): LosslessValue {
  const result = parseLosslessJson(document);
  if (!result.ok) throw new Error(`refused: ${result.reason}`);
  return result.value;
}

function reasonOf(document: string | Uint8Array): string {
  const result = parseLosslessJson(document);
  return result.ok ? 'accepted' : result.reason;
}

/** Fragments of documents: most sequences are almost JSON, which is where readers go wrong. */
const fragment = fc.constantFrom(
  ...['{', '}', '[', ']', ',', ':', '"', '\\', '\\u', '\\ud83d', '\\ude00', '\\n', '\\x', '/', ' ', '\t', '\n', '\r'],
  ...['0', '1', '-', '+', '.', 'e', 'E', '00', '12.50', '-0', '1e5', '1E-7', '17853950411240001', 'NaN', 'Infinity'],
  ...['true', 'false', 'null', 'tru', 'nul', '"a"', '"b":', '"__proto__":', '"0":', '"a":1', '"\\"', '""', "'", '{}'],
  ...['\u0000', '\u001f', '\u007f', '\u00a0', '\u2028', '\ufeff', '가', '😀', '//', '[1,2]', '{"a":{"b":"c"}}'],
);
const soup = fc.array(fragment, { maxLength: 12 }).map(parts => parts.join(''));

const numberText = fc.constantFrom(
  ...['0', '-0', '1', '-17', '1.16539E8', '9.101e-05', '91180000.00000000', '17853950411240001', '1e999', '5E+3'],
);
const whiteSpace = fc.constantFrom('', '', '', ' ', '\n', '\r\n\t ');
const stringText = fc
  .oneof(fc.string({ unit: 'binary' }), fc.string(), fc.constantFrom('__proto__', 'constructor', 'a', 'b', '0', '10'))
  .map(text => JSON.stringify(text));
/** Documents as text, so that number spelling, white space and repeated keys are free. */
const { document } = fc.letrec<{ document: string; array: string; object: string }>(tie => ({
  document: fc
    .tuple(
      whiteSpace,
      fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom('true', 'false', 'null'),
        numberText,
        stringText,
        tie('array'),
        tie('object'),
      ),
      whiteSpace,
    )
    .map(parts => parts.join('')),
  array: fc.array(tie('document'), { maxLength: 6 }).map(items => `[${items.join(',')}]`),
  object: fc
    .array(
      fc.tuple(whiteSpace, stringText, whiteSpace, tie('document')).map(([before, key, after, value]) => {
        return `${before}${key}${after}:${value}`;
      }),
      { maxLength: 6 },
    )
    .map(members => `{${members.join(',')}}`),
}));

describe('numbers', () => {
  it('arrive as the text the exchange wrote', () => {
    expect(read('{"a":17853950411240001,"b":[1.16539E8,91180000.00000000,-0,9.101e-05],"c":"1"}')).toEqual({
      a: '17853950411240001',
      b: ['1.16539E8', '91180000.00000000', '-0', '9.101e-05'],
      c: '1',
    });
    expect(read('12')).toBe('12');
  });

  it('inside strings and keys stay untouched', () => {
    expect(read('{"1":"a 1, 2: 3","\\"2\\"":"\\\\"}')).toEqual({ 1: 'a 1, 2: 3', '"2"': '\\' });
  });

  it.each([
    '{1:2}',
    '[01]',
    '[-01]',
    '[1.]',
    '[.5]',
    '[+1]',
    '[1e]',
    '[1e+]',
    '[-]',
    '[--1]',
    '[0x1]',
    '[NaN]',
    '[1 2]',
  ])('of other grammars are refused: %s', text => {
    expect(reasonOf(text)).toBe('invalidJson');
  });
});

describe('agreement with JSON.parse', () => {
  it('on documents of every shape', () => {
    fc.assert(fc.property(document, expectAsOracle), { numRuns: 3_000 });
  });

  it('on documents with one character removed, replaced or added', () => {
    fc.assert(
      fc.property(document, fc.nat(), fc.nat(1), fragment, (text, position, removed, added) => {
        const at = position % (text.length + 1);
        const edited = text.slice(0, at) + added + text.slice(at + removed);
        fc.pre(edited.isWellFormed());
        expectAsOracle(edited);
        expectAsOracle(text.slice(0, at).toWellFormed());
      }),
      { numRuns: 3_000 },
    );
  });

  it('on sequences of fragments', () => {
    fc.assert(fc.property(soup, expectAsOracle), { numRuns: 20_000 });
  });

  it('on bytes that may be no UTF-8', () => {
    const hostileBytes = fc
      .tuple(document, fc.nat(), fc.uint8Array({ maxLength: 4 }))
      .map(([text, position, inserted]) => {
        const bytes = encoder.encode(text);
        const at = position % (bytes.length + 1);
        return Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at)]);
      });
    fc.assert(
      fc.property(fc.oneof(hostileBytes, fc.uint8Array({ maxLength: 12 })), bytes => {
        let text: string;
        try {
          text = strictDecoder.decode(bytes);
        } catch {
          expect(reasonOf(bytes)).toBe('invalidUtf8');
          return;
        }
        expectAsOracle(text);
      }),
      { numRuns: 3_000 },
    );
  });

  it('reads a string, a buffer and a view into a larger buffer alike', () => {
    fc.assert(
      fc.property(fc.oneof(document, soup), text => {
        const bytes = encoder.encode(text);
        const padded = Buffer.concat([Buffer.from('[1,"'), bytes, Buffer.from('"]')]);
        const view = new Uint8Array(padded.buffer, padded.byteOffset + 4, bytes.length);
        const expected = parseLosslessJson(bytes);
        expect(parseLosslessJson(text)).toEqual(expected);
        expect(parseLosslessJson(Buffer.from(text))).toEqual(expected);
        expect(parseLosslessJson(view)).toEqual(expected);
      }),
    );
  });

  it.each(['', ' ', '\ufeff{}', '{} {}', '[1,]', '{"a":1,}', '{"a"}', '{a:1}', "['a']", '[1]//', 'undefined', 'PING'])(
    'on %j',
    text => {
      expectAsOracle(text);
      expect(reasonOf(text)).toBe('invalidJson');
    },
  );
});

describe('strings', () => {
  it('keep every escape, surrogate pairs and text beyond ASCII', () => {
    expect(read('"\\u0041\\/\\b\\f\\n\\r\\t\\"\\\\ \\ud83d\\ude00 비트코인 😀"')).toBe(
      'A/\b\f\n\r\t"\\ \u{1f600} 비트코인 😀',
    );
  });

  it('accept a lone surrogate that is escaped, and refuse one that is not', () => {
    expect(read('"\\ud800"')).toBe('\ud800');
    expect(reasonOf('"\ud800"')).toBe('invalidUtf8');
    expect(reasonOf(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))).toBe('invalidUtf8');
  });

  it('refuse bytes that are no UTF-8 wherever they stand', () => {
    for (const broken of [[0x80], [0xc0, 0xaf], [0xe2, 0x28, 0xa1], [0xf5, 0x80, 0x80, 0x80], [0xff], [0xea, 0xb0]]) {
      expect(reasonOf(Uint8Array.from([0x22, ...broken, 0x22]))).toBe('invalidUtf8');
      expect(reasonOf(Uint8Array.from(broken))).toBe('invalidUtf8');
    }
  });
});

describe('keys', () => {
  it('__proto__ is an own property, and no prototype changes', () => {
    for (const key of ['"__proto__"', '"\\u005f_proto__"']) {
      const value = read(`{${key}:{"polluted":1},"constructor":{"prototype":{"polluted":2}}}`) as object;
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
      expect(Object.getOwnPropertyDescriptor(value, '__proto__')?.value).toEqual({ polluted: '1' });
      expect('polluted' in {}).toBe(false);
      expect('polluted' in value).toBe(false);
    }
  });

  it('repeated: the last one wins', () => {
    expect(read('{"a":1,"b":2,"a":3}')).toEqual({ a: '3', b: '2' });
    expect(Object.getOwnPropertyDescriptor(read('{"__proto__":1,"__proto__":2}'), '__proto__')?.value).toBe('2');
  });

  it('of equal hash or of one frame after another are never mistaken for each other', () => {
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 5_000; i += 1) expect(Object.keys(read(`{"key${i}":0}`) as object)).toEqual([`key${i}`]);
    }
    expect(Object.keys(read(`{"":1,"${'k'.repeat(1_000)}":2}`) as object)).toEqual(['', 'k'.repeat(1_000)]);
  });
});

describe('limits', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

  it('size: 4 MiB of UTF-8, or as asked', () => {
    const limit = 4 * 1024 * 1024;
    expect(reasonOf(`"${'x'.repeat(limit - 2)}"`)).toBe('accepted');
    expect(reasonOf(`"${'x'.repeat(limit - 1)}"`)).toBe('tooLarge');
    expect(reasonOf(Buffer.alloc(limit + 1))).toBe('tooLarge');
    expect(parseLosslessJson('"가"', { maxBytes: 5 }).ok).toBe(true);
    expect(parseLosslessJson('"가"', { maxBytes: 4 })).toEqual({ ok: false, reason: 'tooLarge' });
  });

  it('depth: 64 arrays or objects inside one another, or as asked', () => {
    expect(reasonOf(nested(64))).toBe('accepted');
    expect(reasonOf(nested(65))).toBe('tooDeep');
    expect(reasonOf(`${'{"a":'.repeat(64)}1${'}'.repeat(64)}`)).toBe('accepted');
    expect(reasonOf(`${'{"a":'.repeat(65)}1${'}'.repeat(65)}`)).toBe('tooDeep');
    expect(reasonOf(`[${nested(63)},${nested(63)}]`)).toBe('accepted');
    expect(parseLosslessJson('[[1]]', { maxDepth: 2 }).ok).toBe(true);
    expect(parseLosslessJson('[[1]]', { maxDepth: 1 })).toEqual({ ok: false, reason: 'tooDeep' });
    expect(parseLosslessJson('1', { maxDepth: 0 }).ok).toBe(true);
  });

  it('a depth beyond what the stack holds is refused, not a crash', () => {
    expect(parseLosslessJson(nested(1_000_000), { maxDepth: 1_000_000 })).toEqual({ ok: false, reason: 'tooDeep' });
  });
});

describe('hostile input', () => {
  const sample = Buffer.from(
    ' {"type":"ticker","code":"KRW-BTC","p":[1.5E8,-0.25e-1,true,false,null],"이름":"비트\\u00e9\\ud83d😀","o":{"a":[]}} ',
  );

  it('cut at every byte is refused, never thrown', () => {
    const end = sample.length - 1;
    for (let length = 0; length < end; length += 1)
      expect(parseLosslessJson(sample.subarray(0, length)).ok).toBe(false);
    expect(parseLosslessJson(sample.subarray(0, end)).ok).toBe(true);
  });

  it('with any one byte replaced is read as JSON.parse reads it', () => {
    for (let at = 0; at < sample.length; at += 1) {
      for (const byte of [0x00, 0x22, 0x2c, 0x30, 0x5c, 0x5d, 0x7d, 0x80, 0xff]) {
        const bytes = Buffer.from(sample);
        bytes[at] = byte;
        if (bytes.toString() === sample.toString()) continue;
        const expected = oracle(bytes.toString());
        const actual = parseLosslessJson(bytes);
        if (Buffer.compare(Buffer.from(bytes.toString()), bytes) !== 0) expect(actual).toMatchObject({ ok: false });
        else expect(actual).toEqual(expected);
      }
    }
  });

  it.each([
    ['100,000 open brackets', '['.repeat(100_000), 'tooDeep'],
    ['100,000 open objects', '{"a":'.repeat(100_000), 'tooDeep'],
    ['100,000 closing brackets', ']'.repeat(100_000), 'invalidJson'],
    ['1 MB of digits', '1'.repeat(1_000_000), 'accepted'],
    ['1 MB of digits and a letter', `${'1'.repeat(1_000_000)}x`, 'invalidJson'],
    ['a 1 MB exponent', `1e${'9'.repeat(1_000_000)}`, 'accepted'],
    ['a 1 MB string', `"${'x'.repeat(1_000_000)}"`, 'accepted'],
    ['a 1 MB key', `{"${'x'.repeat(1_000_000)}":1}`, 'accepted'],
    ['1 MB of escapes', `"${'\\"'.repeat(500_000)}"`, 'accepted'],
    ['1 MB of escapes without an end', `"${'\\"'.repeat(500_000)}`, 'invalidJson'],
    ['1 MB of backslashes', `"${'\\'.repeat(1_000_000)}"`, 'accepted'],
    ['1 MB of white space', ' '.repeat(1_000_000), 'invalidJson'],
    ['250,000 numbers', `[${'1,'.repeat(250_000)}1]`, 'accepted'],
    ['100,000 different keys', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`).join(',')}}`, 'accepted'],
    ['a key that is a large index', '{"4294967294":1,"1000000000":2}', 'accepted'],
  ])('%s', (_name, text, expected) => {
    expect(reasonOf(text)).toBe(expected);
    if (expected === 'accepted') expectAsOracle(text);
  });

  it('of a type the signature forbids is refused, not thrown', () => {
    for (const wrong of [null, undefined, 1, {}, [], new ArrayBuffer(2), () => 1]) {
      expect(parseLosslessJson(wrong as unknown as Uint8Array)).toEqual({ ok: false, reason: 'invalidJson' });
    }
  });

  it('tokens that are kept do not keep their document', () => {
    const kept: LosslessValue[] = [];
    const longText = 'x'.repeat(2_000_000);
    const bytes = Buffer.from(`["17853950411240001",17853950411240002,"a text of 26 characters","${longText}"]`);
    const growth = memoryGrowth(() => {
      for (let i = 0; i < 20; i += 1) kept.push(...(read(bytes) as LosslessValue[]).slice(0, 3));
    });
    expect(kept).toHaveLength(60);
    expect(growth).toBeLessThan(4_000_000);
  });

  it('huge keys are not remembered', () => {
    const growth = memoryGrowth(() => {
      for (let i = 0; i < 20; i += 1) read(`{"${i}${'x'.repeat(1_000_000)}":1}`);
    });
    expect(growth).toBeLessThan(4_000_000);
  });
});

/** Bytes still in use after `work` that were not before. Object layouts and their keys outlive a few collections. */
function memoryGrowth(work: () => void): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const inUse = () => {
    for (let i = 0; i < 6; i += 1) collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = inUse();
  work();
  return inUse() - before;
}

const FRAMES = new URL('../../../shared/data/frames/', import.meta.url);
const hasFrames = existsSync(FRAMES);
const files = hasFrames
  ? readdirSync(FRAMES).flatMap(exchange =>
      readdirSync(new URL(`${exchange}/`, FRAMES))
        .filter(name => name.endsWith('.ndjson'))
        .map(name => `${exchange}/${name}`),
    )
  : [];
if (!hasFrames) console.warn('NOT TESTED: reading captured frames, for ../shared/data/frames is not there');

describe.skipIf(!hasFrames)(
  `captured frames${hasFrames ? '' : ' NOT TESTED: ../shared/data/frames is not there'}`,
  () => {
    it.each(files.length > 0 ? files : ['none'])('%s', file => {
      const lines = readFileSync(new URL(file, FRAMES), 'utf8')
        .split('\n')
        .filter(line => line !== '');
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        const { raw } = JSON.parse(line) as { raw: string };
        expectAsOracle(raw);
        const value = read(raw);
        const difference = firstDifference(value, JSON.parse(raw), '$');
        if (difference !== null) expect.fail(`${difference} in ${raw}`);
      }
    });
  },
);

/** Structural equality where a number on the native side stands for a text on ours. */
function firstDifference(lossless: unknown, native: unknown, path: string): string | null {
  if (typeof native === 'number') return typeof lossless === 'string' && Number(lossless) === native ? null : path;
  if (typeof native !== 'object' || native === null) return lossless === native ? null : path;
  if (typeof lossless !== 'object' || lossless === null) return path;
  if (Array.isArray(native) !== Array.isArray(lossless)) return path;
  const keys = Object.keys(native);
  if (keys.join('\n') !== Object.keys(lossless).join('\n')) return path;
  for (const key of keys) {
    const difference = firstDifference(Reflect.get(lossless, key), Reflect.get(native, key), `${path}.${key}`);
    if (difference !== null) return difference;
  }
  return null;
}

describe('a long array, item by item', () => {
  /** The document put together again. */
  function readSlowly(text: string, key: string | null): LosslessResult {
    const list: LosslessValue[] = [];
    const items = readLosslessItems(encoder.encode(text), key);
    let item = items.next();
    for (; !item.done; item = items.next()) list.push(item.value);
    const result = item.value;
    if (!result.ok) return result;
    const { value } = result;
    if (key === null) return Array.isArray(value) ? { ok: true, value: list } : result;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isObject || !Array.isArray(value[key])) return result;
    return { ok: true, value: { ...value, [key]: list } };
  }

  it('is what it is all at once, and refused for the same reasons', () => {
    const withKey = document.map(text => `{"before":1,"rows":[${text}, ${text}],"after":[2]}`);
    const broken = fc.tuple(withKey, fc.nat(), fragment).map(([text, position, added]) => {
      const at = position % (text.length + 1);
      return text.slice(0, at) + added + text.slice(at);
    });
    fc.assert(
      fc.property(fc.oneof(document, soup, withKey, broken), text => {
        fc.pre(text.isWellFormed() && text.split('"rows"').length <= 2);
        const expected = parseLosslessJson(text);
        expect(readSlowly(text, null)).toEqual(expected);
        expect(readSlowly(text, 'rows')).toEqual(expected);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is refused when it is too large or too deep', () => {
    const first = (text: string, limits: object) => readLosslessItems(encoder.encode(text), null, limits).next().value;
    expect(first('[1]', { maxBytes: 2 })).toEqual({ ok: false, reason: 'tooLarge' });
    expect(first('[[1]]', { maxDepth: 1 })).toEqual({ ok: false, reason: 'tooDeep' });
    expect(first('[[1]]', { maxDepth: 2 })).toEqual(['1']);
  });
});
