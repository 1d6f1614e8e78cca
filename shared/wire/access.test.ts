import { expect, test } from 'vitest';
import { isSameSecret, originToAllow, refuseAccess } from './access.ts';

const request = { authorization: undefined, queryToken: null, origin: undefined, ownOrigin: 'https://edge.example' };

test('without rules everybody may read', () => {
  expect(
    refuseAccess({ streamToken: null, allowedOrigins: [] }, { ...request, origin: 'https://any.example' }),
  ).toBeNull();
});

test('only pages of allowed origins, our own, and programs may read', () => {
  const rules = { streamToken: null, allowedOrigins: ['https://board.example'] };
  expect(refuseAccess(rules, { ...request, origin: 'https://board.example' })).toBeNull();
  expect(refuseAccess(rules, { ...request, origin: 'https://edge.example' })).toBeNull();
  expect(refuseAccess(rules, request)).toBeNull();
  expect(refuseAccess(rules, { ...request, origin: 'https://board.example.evil' })).toMatchObject({ status: 403 });
  expect(refuseAccess(rules, { ...request, origin: 'null' })).toMatchObject({ status: 403 });
  expect(refuseAccess(rules, { ...request, ownOrigin: null })).toBeNull();
});

test('the token may come in the header or in the query', () => {
  const rules = { streamToken: 'secret', allowedOrigins: [] };
  expect(refuseAccess(rules, { ...request, authorization: 'Bearer secret' })).toBeNull();
  expect(refuseAccess(rules, { ...request, queryToken: 'secret' })).toBeNull();
  expect(refuseAccess(rules, request)).toMatchObject({ status: 401 });
  expect(refuseAccess(rules, { ...request, queryToken: 'wrong' })).toMatchObject({ status: 401 });
});

test.each([
  ['secret', 'secret', true],
  ['', 'secret', false],
  ['secre', 'secret', false],
  ['secrets', 'secret', false],
  ['비밀', '비밀', true],
  ['secret\u0000', 'secret', false],
])('%j against %j', (given, secret, same) => expect(isSameSecret(given, secret)).toBe(same));

test('scripts of allowed pages may read the answers', () => {
  expect(originToAllow({ streamToken: null, allowedOrigins: [] }, 'https://any.example')).toBe('https://any.example');
  expect(originToAllow({ streamToken: null, allowedOrigins: [] }, '')).toBe('*');
  const rules = { streamToken: null, allowedOrigins: ['https://board.example'] };
  expect(originToAllow(rules, 'https://board.example')).toBe('https://board.example');
  expect(originToAllow(rules, 'https://any.example')).toBeNull();
  expect(originToAllow(rules, '')).toBeNull();
});
