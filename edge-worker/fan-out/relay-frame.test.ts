import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DownFrame, decodeDown, decodeUp, encodeDown, encodeUp } from './relay-frame.ts';

const position = fc.record({ epoch: fc.nat(), offset: fc.nat() });
const texts = fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 4 });

test('a unit crosses unharmed, whatever its messages hold', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('batch', 'history'),
      position,
      texts,
      fc.option(texts),
      (kind, { epoch, offset }, full, lite) => {
        const unit = { epoch, first: offset + 1, next: offset + 2, messages: { full, lite: lite ?? full } };
        const decoded = decodeDown(encodeDown({ kind, unit } as DownFrame));
        expect(decoded).toEqual({ kind, unit });
      },
    ),
  );
});

test('[CUT1] where lite leaves nothing out it is not sent twice', () => {
  const full = ['x'.repeat(1_000)];
  const unit = { epoch: 1, first: 1, next: 2, messages: { full, lite: full } };
  const text = encodeDown({ kind: 'batch', unit });
  expect(text.length).toBeLessThan(1_100);
  const decoded = decodeDown(text);
  expect(decoded?.kind === 'batch' && decoded.unit.messages.lite === decoded.unit.messages.full).toBe(true);
});

test('every other frame crosses unharmed', () => {
  const at = { epoch: 3, offset: 4 };
  const lineage = [{ epoch: 2, end: 9 }];
  const frames: DownFrame[] = [
    { kind: 'reset', position: at, lineage, reason: 'lost' },
    { kind: 'snapshot', cut: 'lite', position: at, part: 1, parts: 2, lineage, events: '{"a":"\\n"},\n{"b":"한"}' },
    { kind: 'ready', position: at, lineage },
    { kind: 'unhealable', position: at, reason: 'diverged' },
    { kind: 'heartbeat', position: at, message: '{"type":"batch"}' },
    { kind: 'status', upstream: 'seeking', since: 5 },
  ];
  for (const frame of frames) expect(decodeDown(encodeDown(frame))).toEqual(frame);
  expect(decodeUp(encodeUp({ kind: 'heal', position: at, floor: at }))).toEqual({
    kind: 'heal',
    position: at,
    floor: at,
  });
});

test('what is no frame is told apart, never thrown', () => {
  const whole = encodeDown({
    kind: 'batch',
    unit: { epoch: 1, first: 1, next: 2, messages: { full: ['abc'], lite: ['ab'] } },
  });
  for (const text of [
    '',
    '\n',
    'x\n',
    'null\n',
    '[]\n',
    '1\n',
    '{"kind":"other"}\n',
    '{"kind":"ready"}',
    whole.slice(0, -1),
    `${whole}x`,
  ]) {
    expect(decodeDown(text), text).toBeNull();
  }
  for (const text of ['', 'null', '[]', '{"kind":"batch"}', '{']) expect(decodeUp(text), text).toBeNull();
});
