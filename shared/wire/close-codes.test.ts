import { expect, test } from 'vitest';
import { CLOSE_CODES, closeVerdict } from './close-codes.ts';

test.each(Object.entries(CLOSE_CODES))(
  '%s can be sent: a code of its own, and a reason that fits a close frame',
  (_, entry) => {
    expect(new TextEncoder().encode(entry.reason).length).toBeLessThanOrEqual(123);
    expect(Object.values(CLOSE_CODES).filter(({ code }) => code === entry.code)).toHaveLength(1);
    expect(closeVerdict(entry.code)).toBe(entry.verdict);
  },
);

test.each([1000, 1005, 1006, 1011, 1013, 4042, 4099, 4200])('after %i a client comes back', code => {
  expect(closeVerdict(code)).toBe('reconnect');
});

test.each([1001, 1012, 4000])('after %i a client goes to another server at once', code => {
  expect(closeVerdict(code)).toBe('elsewhere');
});

test.each([1009, 4100, 4101, 4199])('after %i a client stays away', code => expect(closeVerdict(code)).toBe('stop'));
