import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { trade } from '../../shared/model/testing/market-events.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import type { Position } from '../../shared/wire/position.ts';
import { type PathAnswer, PathPublisher, type PathWriter } from './path-publisher.ts';

const EPOCH = 1_785_397_200;

/** What is written, in the order in which it arrives, and how the fences were raised; everything fits unless told otherwise. */
function publishing(tail: Position, continues: boolean) {
  const clock = new ManualClock();
  const written: string[] = [];
  const said = ({ epoch, offset }: Position) => `${epoch - EPOCH}/${offset}`;
  const fences: string[] = [];
  const answer = { hasMoved: false, lacksSnapshot: false };
  /** To the next writes of events, in their order. */
  const answers: (PathAnswer | Error)[] = [];
  const writer: PathWriter = {
    fence: async (writer, isAlone) => {
      fences.push(isAlone === true ? 'with the first write' : 'at once');
      return { writer, position: tail, lineage: [] };
    },
    append: async ({ position }) => {
      const next = answers.shift() ?? answer;
      if (next instanceof Error) throw next;
      if (!next.hasMoved) written.push(`events to ${said(position)}`);
      return next;
    },
    beat: async () => {
      written.push('beat');
      return answer;
    },
    writeSnapshot: async ({ position }) => void written.push(`state at ${said(position)}`),
  };
  const publisher = new PathPublisher({ writer, clock, paceMs: 10, snapshotIntervalMs: 20_000, random: () => 0 });
  const leader = new Publisher();
  leader.beginEpoch(EPOCH);
  leader.seal(trade(), trade());
  leader.beginEpoch(EPOCH + 1);
  const begin = () => publisher.begin({ epoch: EPOCH + 1, log: leader.log, continues, onFenced: () => {} });
  return { clock, written, fences, answers, publisher, leader, begin };
}

test('[EPO1] the state at a term’s beginning goes before its first events: whoever took a wrong turn comes back by it', async () => {
  const { clock, written, fences, leader, begin } = publishing({ epoch: EPOCH, offset: 1 }, false);
  begin();
  leader.seal(trade());
  await clock.advanceAndSettle(100);
  expect(written).toEqual(['events to 0/2', 'state at 1/0', 'events to 1/1']);
  expect(fences).toEqual(['at once']);
});

test('[HND1] where nobody can have taken one the first events do not wait for it, and it follows them', async () => {
  const { clock, written, leader, begin } = publishing({ epoch: EPOCH, offset: 2 }, true);
  begin();
  leader.seal(trade());
  await clock.advanceAndSettle(100);
  expect(written).toEqual(['events to 1/1', 'state at 1/0']);
});

test('[HND1] the state at the beginning is not under way when the first events come: they would wait for it', async () => {
  const { clock, written, publisher, leader, begin } = publishing({ epoch: EPOCH, offset: 2 }, true);
  begin();
  await clock.advanceAndSettle(100);
  expect(written).toEqual([]);
  leader.seal(trade());
  publisher.heartbeat();
  await clock.advanceAndSettle(100);
  expect(written).toEqual(['events to 1/1', 'state at 1/0', 'beat']);
});

test('while a term has brought nothing its beginning is written all the same', async () => {
  const { clock, written, publisher, begin } = publishing({ epoch: EPOCH, offset: 1 }, true);
  begin();
  await clock.advanceAndSettle(100);
  publisher.heartbeat();
  await clock.advanceAndSettle(100);
  expect(written).toEqual(['events to 0/2', 'state at 1/0', 'beat']);
});

test.each<[what: string, PathAnswer | Error]>([
  ['has moved', { hasMoved: true, lacksSnapshot: false }],
  ['does not answer', new Error('no answer')],
])(
  '[EPO1] a path that %s is fenced before anything more is written, though everybody else had said their last',
  async (_, first) => {
    const { clock, written, fences, answers, leader, begin } = publishing({ epoch: EPOCH, offset: 2 }, true);
    answers.push(first);
    begin();
    leader.seal(trade());
    await clock.advanceAndSettle(5_000);
    expect(written).toEqual(['events to 1/1', 'state at 1/0']);
    expect(fences).toEqual(['with the first write', 'at once']);
  },
);
