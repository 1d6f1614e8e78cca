import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import { MadeUpStream } from '../testing/made-up-stream.ts';
import { readHistory } from './history-read.ts';
import { ModelNode } from './testing/edge-model.ts';

function setup() {
  const stream = new MadeUpStream();
  for (let count = 0; count < 10; count++) stream.seal(10);
  const clock = new ManualClock();
  const node = new ModelNode(stream);
  const request = {
    clock,
    timeoutMs: 1_000,
    maxEvents: 1_000,
    from: { epoch: 1_000, offset: 20 },
    until: () => ({ epoch: 1_000, offset: 60 }),
  };
  return { stream, clock, node, request };
}

const dead: StreamSource = {
  name: 'dead',
  open: (_request, sink) => {
    queueMicrotask(() => sink.closed('refused', 'reconnect'));
    return { close: () => {} };
  },
};

test('[GAP1] the missing stretch is read from the first source that has it, and the connection is given back', async () => {
  const { node, request } = setup();
  const answer = await readHistory({ ...request, sources: [dead, node] });
  expect(answer.kind).toBe('read');
  const batches = answer.kind === 'read' ? answer.batches : [];
  expect(batches[0]!.first).toBe(21);
  expect(batches.at(-1)!.next).toBeGreaterThan(60);
  expect(node.readers).toBe(0);
});

test('[GAP1] a source that answers with a snapshot does not have it: that is lost', async () => {
  const { node, request } = setup();
  const answer = await readHistory({ ...request, from: { epoch: 7, offset: 7 }, sources: [node] });
  expect(answer).toEqual({ kind: 'unhealable', reason: 'lost' });
});

test('[EPO1] a source that says diverged knows better than any other', async () => {
  const { node, stream, request } = setup();
  stream.takeOver();
  stream.seal(5);
  const until = () => ({ epoch: 1_001, offset: 5 });
  const answer = await readHistory({ ...request, from: { epoch: 1_000, offset: 9_999 }, until, sources: [node, dead] });
  expect(answer).toEqual({ kind: 'unhealable', reason: 'diverged' });
});

test('[GAP1] while one source cannot be asked, nothing is known to be lost', async () => {
  const { node, request } = setup();
  const answer = await readHistory({ ...request, from: { epoch: 7, offset: 7 }, sources: [dead, node] });
  expect(answer).toEqual({ kind: 'unreachable' });
});

test('a source that says nothing is given up after a while', async () => {
  const { clock, request } = setup();
  const mute: StreamSource = { name: 'mute', open: () => ({ close: () => {} }) };
  const answering = readHistory({ ...request, sources: [mute] });
  clock.advance(1_000);
  expect(await answering).toEqual({ kind: 'unreachable' });
  expect(clock.pending).toBe(0);
});

test('history is healed, not hoarded: beyond the bound it is lost', async () => {
  const { node, request } = setup();
  expect(
    await readHistory({ ...request, maxEvents: 5, until: () => ({ epoch: 2_000, offset: 1 }), sources: [node] }),
  ).toEqual({ kind: 'unhealable', reason: 'lost' });
});
