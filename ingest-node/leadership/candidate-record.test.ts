import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printedRandom } from '../../shared/client/testing/random.ts';
import {
  type CandidateRecord,
  candidatePrefix,
  readCandidateName,
  readCandidateRecord,
  readTermRecord,
  type TermRecord,
  writeRecord,
} from './candidate-record.ts';

const CANDIDATE: CandidateRecord = {
  node: 'node-1',
  url: 'ws://10.0.0.5:8080/ws/exchange',
  startedAt: 1_790_000_000_000,
  sessions: 12,
  isDraining: true,
  successor: 'candidate-1',
  readyAfter: 1_790_000_000,
  remembers: 1_789_999_999,
};
const TERM: TermRecord = {
  epoch: 1_790_000_001,
  candidate: 'candidate-1',
  node: 'node-1',
  url: null,
  end: 4_711,
  previous: { epoch: 1_790_000_000, end: null },
};
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

describe('what lies in ZooKeeper', () => {
  test('is read as it was written', () => {
    expect(readCandidateRecord(writeRecord(CANDIDATE))).toEqual(CANDIDATE);
    expect(readTermRecord(writeRecord(TERM))).toEqual(TERM);
  });

  test('may come from an older version, which says less, or a newer one, which says more', () => {
    const { node, url, startedAt } = CANDIDATE;
    const quiet = { sessions: 0, isDraining: false, successor: null, readyAfter: null, remembers: 0 };
    expect(readCandidateRecord(bytes({ node, url, startedAt, colour: 'red' }))).toEqual({
      node,
      url,
      startedAt,
      ...quiet,
    });
    const { end: _end, previous: _previous, ...old } = TERM;
    expect(readTermRecord(bytes({ ...old, colour: 'red' }))).toEqual({
      ...old,
      colour: 'red',
      end: null,
      previous: null,
    });
  });

  test.each([
    ['a node without a name', { ...CANDIDATE, node: '' }],
    ['a name that would break a log line', { ...CANDIDATE, node: 'a\nb' }],
    ['an address that is none', { ...CANDIDATE, url: 'node-1' }],
    ['an address to somewhere else', { ...CANDIDATE, url: 'http://10.0.0.5/' }],
    ['a start in words', { ...CANDIDATE, startedAt: 'now' }],
  ])('%s is no candidate', (_words, record) => {
    expect(readCandidateRecord(bytes(record))).toBeNull();
  });

  test.each([
    ['an epoch in words', { ...TERM, epoch: '7' }],
    ['an epoch below zero', { ...TERM, epoch: -1 }],
    ['an epoch after which there is none', { ...TERM, epoch: Number.MAX_SAFE_INTEGER }],
    ['a term of nobody', { ...TERM, candidate: null }],
  ])('%s is no term', (_words, record) => {
    expect(readTermRecord(bytes(record))).toBeNull();
  });

  test('an end or a load that makes no sense is as good as none', () => {
    expect(readTermRecord(bytes({ ...TERM, end: -1, previous: { epoch: 'x', end: 3 } }))).toMatchObject({
      end: null,
      previous: null,
    });
    expect(readTermRecord(bytes({ ...TERM, previous: 7 }))?.previous).toBeNull();
    expect(readCandidateRecord(bytes({ ...CANDIDATE, sessions: 2 ** 60, isDraining: 'no' }))).toMatchObject({
      sessions: 0,
      isDraining: false,
    });
  });

  test('anything else is nothing, and no error', () => {
    const seed = Math.floor(printedRandom('hostile records')() * 2 ** 31);
    const anything = fc.oneof(
      fc.uint8Array(),
      fc.json({ maxDepth: 2 }).map(text => Buffer.from(text)),
    );
    fc.assert(
      fc.property(anything, data => {
        expect([readCandidateRecord(data), readTermRecord(data)]).toEqual([null, null]);
      }),
      { seed },
    );
  });

  test('a candidate is known by its name', () => {
    const guid = '01234567-89ab-cdef-0123-456789abcdef';
    expect(readCandidateName(`${candidatePrefix(guid)}0000000042`)).toEqual({ guid, sequence: 42 });
    for (const name of [
      '',
      'candidate-',
      'candidate-x-0000000001',
      `${candidatePrefix(guid)}1`,
      `x${candidatePrefix(guid)}0000000001`,
    ])
      expect(readCandidateName(name)).toBeNull();
  });
});
