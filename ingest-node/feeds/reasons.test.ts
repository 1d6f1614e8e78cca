import { describe, expect, test } from 'vitest';
import { parseRetryAfterMs, pauseAfterClose, pauseAfterStatus } from './politeness.ts';
import { endedBecause, httpStatus, quote, seconds, silentFor, unreachable } from './reasons.ts';

const URL = 'wss://api.upbit.com/websocket/v1';

describe('reasons in plain words', () => {
  test.each([
    [unreachable(URL, 'ENOTFOUND', ''), 'cannot reach api.upbit.com: name not found (ENOTFOUND)'],
    [unreachable(URL, 'EODD', 'odd thing'), 'cannot reach api.upbit.com: odd thing (EODD)'],
    [
      unreachable('ws://127.0.0.1:9500/upbit', 'ECONNREFUSED', ''),
      'cannot reach 127.0.0.1:9500: connection refused (ECONNREFUSED)',
    ],
    [unreachable(URL, null, ''), 'cannot reach api.upbit.com: unknown failure'],
    [httpStatus(URL, 418), "HTTP 418 I'm a Teapot from api.upbit.com"],
    [httpStatus(URL, 799), 'HTTP 799 from api.upbit.com'],
    [silentFor(30_000), 'silent for 30 s'],
    [seconds(1_540), '1.5 s'],
    [
      endedBecause({ kind: 'closed', code: 1008, reason: 'Too many requests' }, URL, true),
      'closed by the exchange (1008 Too many requests)',
    ],
    [
      endedBecause({ kind: 'failed', code: 'ECONNRESET', detail: 'read ECONNRESET' }, URL, true),
      'connection to api.upbit.com broke: connection reset (ECONNRESET)',
    ],
    [
      endedBecause({ kind: 'failed', code: null, detail: 'Invalid frame' }, URL, true),
      'connection to api.upbit.com broke: Invalid frame',
    ],
  ])('%s', (words, expected) => {
    expect(words).toBe(expected);
  });

  test('foreign text is quoted within bounds and without control characters', () => {
    expect(quote('a\u0000b\r\nc\u202Ed')).toBe('a b c d');
    expect(quote('x'.repeat(1_000))).toHaveLength(161);
    expect(quote(`${'x'.repeat(159)}😀😀`).isWellFormed()).toBe(true);
  });
});

describe('how long to stay away', () => {
  const now = Date.UTC(2026, 0, 1);

  test.each([
    ['7', 7_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', null],
    ['-5x', null],
    ['', null],
    ['999999999', 3 * 86_400_000],
    [null, null],
  ])('Retry-After %s', (header, ms) => {
    expect(parseRetryAfterMs(header, now)).toBe(ms);
  });

  test.each([
    [429, null, 60_000],
    [429, '3', 3_000],
    [418, '120', 120_000],
    [503, null, 0],
    [503, '30', 30_000],
    [500, '30', 0],
    [404, null, 0],
  ])('HTTP %i, Retry-After %s', (status, header, ms) => {
    expect(pauseAfterStatus(status, header, now)).toBe(ms);
  });

  test('a closing for breaking a rule asks for a pause, others do not', () => {
    expect([1000, 1001, 1006, 1008].map(code => pauseAfterClose(code))).toEqual([0, 0, 0, 5_000]);
  });

  test('a code of the exchange itself asks for the pause it declares', () => {
    expect([1000, 1008, 4290].map(code => pauseAfterClose(code, { 4290: 60_000 }))).toEqual([0, 5_000, 60_000]);
  });
});
