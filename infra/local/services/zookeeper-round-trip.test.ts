import { expect, test } from 'vitest';
import { listenOnce } from './testing/listen-once.ts';
import { askZooKeeper, parseConnect } from './zookeeper-round-trip.ts';

const SOON_MS = 10_000;

test('a connection string names servers, some without a port, and perhaps a path', () => {
  expect(parseConnect('a:1, b:2,c/chroot')).toEqual([
    { host: 'a', port: 1 },
    { host: 'b', port: 2 },
    { host: 'c', port: 2181 },
  ]);
});

test.each([
  ['a leader', 'Zookeeper version: 3.8.0-5a02\nMode: leader\n', { role: 'leader', version: '3.8.0' }],
  ['no quorum', 'This ZooKeeper instance is not currently serving requests\n', { role: 'seeking', version: null }],
  ['something else', 'HTTP/1.1 400 Bad Request\r\n\r\n', /does not answer as ZooKeeper does: “HTTP/],
  ['nothing', '', /does not answer as ZooKeeper does/],
])('a server that answers %s', async (_, text, expected) => {
  const port = await listenOnce(text);
  const asked = askZooKeeper('127.0.0.1', port, SOON_MS);
  if (expected instanceof RegExp) await expect(asked).rejects.toThrow(expected);
  else expect(await asked).toEqual(expected);
});

test('one that accepts and never answers is given up in time', async () => {
  const port = await listenOnce(null);
  await expect(askZooKeeper('127.0.0.1', port, 50)).rejects.toThrow(`no answer from 127.0.0.1:${port}`);
});
