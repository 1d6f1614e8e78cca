import { expect, test } from 'vitest';
import { StreamReceiver } from '../../shared/stream/stream-receiver.ts';
import { decodeMessage } from '../../shared/wire/json-codec.ts';
import { type SnapshotPart, SnapshotShelf, snapshotMessages } from './snapshot-shelf.ts';

const position = { epoch: 1, offset: 10 };

function part(number: number, over: Partial<SnapshotPart> = {}): SnapshotPart {
  const events = `{"type":"quote","offset":${number}}`;
  return { cut: 'full', position, part: number, parts: 3, lineage: [], events, ...over };
}

test('[SNP1] a snapshot is served once its last part is here, for whatever reason, in parts that belong together', () => {
  const shelf = new SnapshotShelf();
  shelf.add(part(1), 5);
  shelf.add(part(2), 6);
  expect(shelf.get('full')).toBeNull();
  shelf.add(part(3), 7);
  expect(shelf.get('lite')).toBeNull();
  for (const reason of ['initial', 'lost', 'diverged'] as const) {
    const receiver = new StreamReceiver();
    const received = snapshotMessages(shelf.get('full')!, reason).map(text => {
      const decoded = decodeMessage(text);
      if (!decoded.ok) throw new Error(text);
      return receiver.receive(decoded.message);
    });
    expect(received.at(-1)).toMatchObject({
      kind: 'snapshot',
      snapshot: { position, reason, recovered: reason !== 'lost' },
    });
    expect(receiver.position).toEqual(position);
  }
});

test('[SNP1] parts that do not belong together leave the old snapshot in place', () => {
  const shelf = new SnapshotShelf();
  for (const number of [1, 2, 3]) shelf.add(part(number), 1);
  const later = { epoch: 1, offset: 20 };
  shelf.add(part(1, { position: later }), 2);
  shelf.add(part(3, { position: later }), 2);
  shelf.add(part(2, { position: later }), 2);
  expect(shelf.get('full')?.position).toEqual(position);
  shelf.add(part(2), 3);
  expect(shelf.get('full')?.at).toBe(1);
});
