import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { FeedInterruptions } from './feed-interruptions.ts';

const FEED = 'upbit-0';
const CARRIED = ['BTC/KRW', 'ETH/KRW'];

function setup() {
  const clock = new ManualClock();
  const said: string[] = [];
  const note = (what: string) => (symbols: readonly string[]) => {
    said.push(`${clock.monotonic()} ${what} ${symbols.length}`);
  };
  const interruptions = new FeedInterruptions({
    clock,
    onInterrupted: (symbols, since) =>
      note(since === undefined ? 'interrupted' : `interrupted since ${since}`)(symbols),
    onPaused: note('paused'),
    onSubscribed: note('subscribed'),
    onSettled: note('settled'),
  });
  interruptions.start();
  return { clock, said, interruptions };
}

test('a new socket misses until it has asked for everything, and that is over when it has surely been answered', () => {
  const { clock, said, interruptions } = setup();
  interruptions.onFeedState(FEED, 'connecting', CARRIED, 0);
  interruptions.onFeedState(FEED, 'live', CARRIED, 300);
  expect([interruptions.isSettled, interruptions.carried()]).toEqual([false, CARRIED]);
  clock.advance(5_000);
  expect(said).toEqual(['0 interrupted 2', '300 subscribed 2', '1800 settled 2']);
  interruptions.onFeedState(FEED, 'down', CARRIED, 0);
  expect([interruptions.isSettled, interruptions.carried()]).toEqual([true, []]);
});

test('what an open socket may have missed counts from when it was last heard, and only for those that are named', () => {
  const { clock, said, interruptions } = setup();
  interruptions.onFeedState(FEED, 'live', CARRIED, 0);
  clock.advance(1_000);
  interruptions.missedSince(FEED, ['BTC/KRW'], 77);
  clock.advance(5_000);
  // What was about to settle begins anew.
  expect(said).toEqual(['0 subscribed 2', '1000 interrupted since 77 1', '2500 settled 1']);
});

test('once stopped it says nothing, whatever comes', () => {
  const { clock, said, interruptions } = setup();
  interruptions.onFeedState(FEED, 'live', CARRIED, 0);
  interruptions.stop();
  interruptions.onFeedState(FEED, 'down', CARRIED, 0);
  interruptions.missedSince(FEED, CARRIED, 77);
  interruptions.beforeFrame(FEED, () => CARRIED);
  clock.advance(60_000);
  interruptions.beforeFrame(FEED, () => CARRIED);
  expect([said, clock.pending]).toEqual([[], 0]);
});
