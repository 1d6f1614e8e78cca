import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader } from '../conversion/frame-reader.ts';
import { parseLosslessJson } from '../conversion/lossless-json.ts';
import { FieldReader, isRecord } from './field-reader.ts';
import type { FieldRules } from './field-rules.ts';
import { FrameFields } from './frame-fields.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
console.log(`records are made with FUZZ_SEED=${seed}`);

const NAMES = ['a', 'b', 'price', 'trade_timestamp'] as const;
const frame = new FrameReader();
const KEYS = frame.keys(Object.fromEntries(NAMES.map(name => [name, name])));

const value = fc.constantFrom(
  ...['null', 'true', '""', '"x"', '" 1"', '[]', '[1]', '{}', '{"a":1}', '"\\u0031"', '"가"', '"NaN"', '"0x10"'],
  ...['0', '-0', '0.0', '-0.0', '1', '-1', '1.50', '"1.50"', '007', '"007"', '1.16539E8', '5.0E-4', '"5.0E-4"', '-1e3'],
  ...['1e400', '"1e-8"', '9'.repeat(65), '9'.repeat(101), '17853950411240001', '"1079953210371761700"', '1E17', '12.0'],
  ...[
    '1790134742106',
    '1790134742106123',
    '1790134742106.5',
    '"1790134742106"',
    '1790134742',
    '1790134742106123456',
    '1',
  ],
);
const record = fc
  .array(fc.tuple(fc.constantFrom(...NAMES, 'other'), value), { maxLength: 6 })
  .map(members => `{${members.map(([name, text]) => `"${name}":${text}`).join(', ')}}`);

/** All that can be asked of a field, and the first fault of it. */
function answers<Key>(fieldsOf: () => FieldRules<Key>, key: Key): unknown[] {
  const questions: ((fields: FieldRules<Key>) => unknown)[] = [
    fields => fields.positive(key),
    fields => fields.optionalPrice(key),
    fields => fields.optionalAmount(key),
    fields => fields.amount(key),
    fields => fields.optionalSigned(key),
    fields => fields.id(key),
    fields => fields.optionalId(key),
    ...(['s', 'ms', 'us', 'ns'] as const).flatMap(unit => [
      (fields: FieldRules<Key>) => fields.time(key, unit),
      (fields: FieldRules<Key>) => fields.optionalTime(key, unit),
    ]),
  ];
  return questions.map(ask => {
    const fields = fieldsOf();
    return [ask(fields), fields.fault];
  });
}

test('fields read from the bytes are those of the lossless reader, and so are their faults', () => {
  fc.assert(
    fc.property(record, text => {
      const bytes = Buffer.from(text);
      const parsed = parseLosslessJson(bytes);
      const refusal = frame.read(bytes);
      expect(refusal).toBe(parsed.ok ? null : parsed.reason);
      if (!parsed.ok || !isRecord(parsed.value)) return;
      const whole = parsed.value;
      for (const name of NAMES) {
        const fromBytes = answers(() => new FrameFields(frame, frame.root), KEYS[name]!);
        expect({ text, name, says: fromBytes }).toEqual({
          text,
          name,
          says: answers(() => new FieldReader(whole), name as string),
        });
      }
    }),
    { seed, numRuns: 1_500 },
  );
});
