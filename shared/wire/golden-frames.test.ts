import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EVENT_TYPES } from '../model/market-event.ts';
import { decodeMessage, encodeMessage } from './json-codec.ts';
import type { ServerMessage } from './messages.ts';
import { PROTOCOL_VERSION } from './protocol-version.ts';

/**
 * What the wire looks like, by version. Whoever changes a golden frame changes the wire: adding a field or a frame keeps
 * the version and replaces its line here; removing a field or changing its meaning adds a version and a line.
 */
const HASHES: Readonly<Record<number, string>> = {
  1: 'f355fbfe4469ca451276dd00e3f95813b239a608ac4bc93bd5ce810e7f087ba0',
};

const FOLDER = new URL('./fixtures/', import.meta.url);
const FRAMES = readdirSync(FOLDER)
  .filter(name => name.endsWith('.json'))
  .sort()
  .map(name => ({ name, text: readFileSync(new URL(name, FOLDER), 'utf8').trimEnd() }));

function decoded(text: string): ServerMessage {
  const result = decodeMessage(text);
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.message;
}

test.each(FRAMES)('$name is decoded and encoded again byte for byte', ({ text }) => {
  expect(encodeMessage(decoded(text))).toBe(text);
});

test('the wire does not change silently', () => {
  const hash = createHash('sha256');
  for (const { name, text } of FRAMES) hash.update(`${name}\n${text}\n`);
  expect(hash.digest('hex')).toBe(HASHES[PROTOCOL_VERSION]);
});

describe('there is a golden frame', () => {
  const messages = FRAMES.map(({ text }) => decoded(text));
  const batches = messages.filter(message => message.type === 'batch');
  const snapshots = messages.filter(message => message.type === 'snapshot');

  test.each(['hello', 'snapshot', 'batch', 'status'])('of every message: %s', type => {
    expect(messages.some(message => message.type === type)).toBe(true);
  });

  test.each(EVENT_TYPES)('of every event: %s', type => {
    expect(batches.some(({ events }) => events.some(event => event.type === type))).toBe(true);
  });

  test.each(['initial', 'lost', 'diverged'])('of a snapshot for every reason: %s', reason => {
    expect(snapshots.some(snapshot => snapshot.reason === reason)).toBe(true);
  });

  test('of heartbeats, parts, lineage, and a writer that copies an old epoch forward', () => {
    expect(batches.some(({ first, next }) => first === next)).toBe(true);
    expect(batches.some(({ parts }) => parts === 2)).toBe(true);
    expect(batches.some(({ lineage }) => lineage !== undefined)).toBe(true);
    expect(batches.some(({ writer, epoch }) => writer > epoch)).toBe(true);
  });
});
