import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { testInstrument } from '../../shared/model/testing/instruments.ts';
import { silentLogger } from '../operations/logger.ts';
import { LeaderInstruments } from './leader-instruments.ts';

test('the first leader is asked for its market lists at once, the next ones when they have had a second to begin', async () => {
  const clock = new ManualClock();
  const asked: string[] = [];
  const instruments = [testInstrument('upbit', 'BTC/KRW', 'BTC', 'KRW')];
  const lists = new LeaderInstruments({
    streamToken: null,
    onInstruments: () => {},
    refreshEveryMs: 60_000,
    clock,
    logger: silentLogger,
    fetch: async url => {
      asked.push(new URL(String(url)).host);
      return Response.json({ instruments: asked.length === 1 ? [] : instruments });
    },
  });
  lists.setLeader('ws://one:1/ws/exchange');
  expect(asked).toEqual(['one:1']);
  await new Promise(setImmediate);
  // That one did not know any yet.
  lists.setLeader('ws://two:1/ws/exchange');
  expect(asked).toEqual(['one:1', 'two:1']);
  await new Promise(setImmediate);
  lists.setLeader('ws://three:1/ws/exchange');
  await clock.advanceAndSettle(900);
  // Nobody has to be asked who leads no more.
  lists.setLeader('ws://four:1/ws/exchange');
  await clock.advanceAndSettle(900);
  expect(asked.length).toBe(2);
  await clock.advanceAndSettle(200);
  expect(asked).toEqual(['one:1', 'two:1', 'four:1']);
  lists.setLeader(null);
});
