import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { Traffic } from './traffic-tap.ts';
import { TrafficWatch } from './traffic-watch.ts';

const LIST = 'https://api.upbit.com/v1/market/all';
const URL = 'wss://api.upbit.com/websocket/v1';

function watching() {
  const taken: Traffic[] = [];
  const tap = { isOpen: true, take: (traffic: Traffic) => void taken.push(traffic) };
  const clock = new ManualClock();
  return { taken, tap, clock, watch: new TrafficWatch({ exchange: 'upbit', tap, clock, marketUrls: [LIST] }) };
}

test('an open tap sees frames, what is sent and every body; a closed one nothing', () => {
  const { taken, tap, clock, watch } = watching();
  const sent: string[] = [];
  const socket = { send: (text: string) => void sent.push(text), ping() {}, pong() {}, close() {}, terminate() {} };
  const listener = { onOpen() {}, onFrame() {}, onPing() {}, onPong() {}, onEnd() {} };
  const dialled = watch.dialFor('upbit-0', () => socket)(URL, listener);
  for (const isOpen of [true, false]) {
    tap.isOpen = isOpen;
    dialled.send('hello');
    watch.frame('upbit-0', URL, Buffer.from('frame'), 12.5, true);
    watch.body(LIST, Buffer.from('list'));
    watch.body('https://api.upbit.com/v1/trades/ticks', Buffer.from('trades'));
  }
  expect(sent).toEqual(['hello', 'hello']);
  const now = clock.now();
  expect(
    taken.map(({ direction, feed, time, bytes }) => [direction, feed, time, Buffer.from(bytes).toString()]),
  ).toEqual([
    ['send', 'upbit-0', now, 'hello'],
    ['recv', 'upbit-0', 12.5, 'frame'],
    ['http', null, now, 'list'],
    ['http', null, now, 'trades'],
  ]);
});

test('the newest list that could be read is kept, whoever looks', () => {
  const { tap, watch } = watching();
  tap.isOpen = false;
  expect(watch.marketLists).toEqual([]);
  watch.body(LIST, Buffer.from('first'));
  watch.marketListCame();
  watch.body(LIST, Buffer.from('{"error":"maintenance"}'));
  expect(watch.marketLists.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['first']);
  watch.body(LIST, Buffer.from('second'));
  watch.marketListCame();
  expect(watch.marketLists.map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(['second']);
});
