import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReading, type LosslessResult, type LosslessValue, parseLosslessJson } from './lossless-json.ts';

const IGNORED = ['w', 'change', 'n', 'été', ''];
const reading = (): FrameReading => new FrameReading({ ignoredKeys: IGNORED, shortensFractions: true });

/** What a reading must give, made from the whole document afterwards. */
function afterwards(result: LosslessResult): LosslessResult {
  return result.ok ? { ok: true, value: shortened(result.value) } : result;
}

function shortened(value: LosslessValue): LosslessValue {
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value === 'string') {
    const hasFraction = value.length <= 64 && /^-?[0-9]+\.[0-9]+$/.test(value);
    return hasFraction ? value.replace(/\.?0+$/, '') : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (IGNORED.includes(key) ? [] : [[key, shortened(member)]])),
  );
}

const piece = fc.constantFrom(
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '{"a":',
    '{"w":',
    ',"n":',
    ',"a":',
    '"change":',
    '"\\u0077":1',
    '"été":[{"a":1}]',
    '""',
  ],
  ...[
    '1',
    '1.50',
    '-0.0',
    '"0.4200"',
    '"7.0"',
    '"7."',
    '".0"',
    '"-"',
    '"007.10"',
    '1e5',
    '1.50E2',
    '"1.0x"',
    '"2021-04-17"',
  ],
  ...[
    'true',
    'null',
    '"',
    '"가0.0"',
    `"${'1'.repeat(70)}.0"`,
    ' ',
    '-',
    '.',
    '0',
    '[1.0,"1.0"]',
    '{"n":{"w":"1.10"},"b":"1.10"}',
  ],
);

function expectSame(document: string, frameReading: FrameReading): void {
  expect({ document, read: parseLosslessJson(document, {}, frameReading) }).toEqual({
    document,
    read: afterwards(parseLosslessJson(document)),
  });
}

describe('frame reading', () => {
  it('leaves out ignored members and the zeros that end a fraction, and nothing else', () => {
    const frame = '{"s":"A","w":{"x":[1.0]},"p":"0.4200","q":7.00,"t":1790,"v":"1.50e1","n":12}';
    expect(parseLosslessJson(frame, {}, reading())).toEqual({
      ok: true,
      value: { s: 'A', p: '0.42', q: '7', t: '1790', v: '1.50e1' },
    });
  });

  it('accepts and refuses the same documents, and differs in nothing else, whatever it has read before', () => {
    const learning = reading();
    const document = fc.array(piece, { maxLength: 12 }).map(pieces => pieces.join(''));
    fc.assert(
      fc.property(document, text => expectSame(text, learning)),
      { numRuns: 20_000 },
    );
  });

  it('does not take an unexpected key for the one that came last time', () => {
    const learning = reading();
    for (const document of [
      '{"ab":1,"cd":2}',
      '{"ab":1,"cde":2}',
      '{"ab":1,"c":2}',
      '{"ab":1,"\\u0063d":2,"x":3}',
      '{"ab":1,"":2,"y":3}',
      '{"ab":1,"cd',
    ]) {
      expectSame(document, learning);
    }
  });

  const captures = new URL('../../../shared/data/frames/', import.meta.url);
  it.skipIf(!existsSync(captures))(
    'reads captured frames alike (skipped where no collection of them lies near)',
    () => {
      const learning = reading();
      for (const exchange of ['binance', 'upbit', 'bithumb']) {
        for (const file of readdirSync(new URL(`${exchange}/`, captures))) {
          const lines = readFileSync(new URL(`${exchange}/${file}`, captures), 'utf8').split('\n');
          for (const line of lines) if (line !== '') expectSame((JSON.parse(line) as { raw: string }).raw, learning);
        }
      }
    },
  );
});
