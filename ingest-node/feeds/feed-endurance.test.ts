/** A feed among random misfortunes: whatever happens and in whatever order, these hold. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { SubscriptionAnswers } from '../exchanges/exchange-adapter.ts';
import { Feed } from './feed.ts';
import { ConnectLimiter } from './rate-limit.ts';
import type { SocketEnd } from './socket.ts';
import { FakeNetwork, fakeAdapter, instruments, meaningOf } from './testing/fake-exchange.ts';

const ends: readonly SocketEnd[] = [
  { kind: 'closed', code: 1006, reason: '' },
  { kind: 'closed', code: 1008, reason: 'Too many requests' },
  { kind: 'failed', code: 'ECONNRESET', detail: '' },
  { kind: 'refused', status: 429, retryAfter: '3' },
];

const misfortune = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 20_000 }) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('open' as const), which: fc.nat(3) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('frame' as const),
      which: fc.nat(3),
      text: fc.constantFrom(
        ...[
          'data',
          'data',
          'data',
          'up',
          'garbage',
          'refuse 1 no',
          'shutdown',
          'ack all',
          'ack other',
          'deny all 2 no',
        ],
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('end' as const), which: fc.nat(3), end: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('relist' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('sleep' as const), ms: fc.integer({ min: 0, max: 90_000 }) }) },
);

const misfortunes = fc.array(misfortune, { maxLength: 60 });

const subscriptionAnswers: SubscriptionAnswers = {
  keyOf: () => 'all',
  topicsOf: () => [{ nativeCode: 'KRW-C0000', channel: 'all' }],
  halvesOf: () => null,
};

test('at most two sockets, never too many dials, no frame of a socket let go, always back in the end', async () => {
  await fc.assert(
    fc.asyncProperty(misfortunes, fc.infiniteStream(fc.nat(999)), fc.boolean(), async (events, dice, isAnswered) => {
      const clock = new ManualClock();
      const network = new FakeNetwork();
      const dialledAt: number[] = [];
      const frames: string[] = [];
      const opened = new Set<unknown>();
      const feed = new Feed({
        key: 'upbit-0',
        url: 'wss://api.upbit.com/websocket/v1',
        adapter: fakeAdapter({ heartbeat: { maxAgeMs: 50_000 }, ...(isAnswered && { subscriptionAnswers }) }),
        instruments: instruments(2),
        limiter: new ConnectLimiter({ count: 3, windowMs: 10_000 }, clock),
        dial: (url, listener) => {
          dialledAt.push(clock.monotonic());
          return network.dial(url, listener);
        },
        clock,
        random: () => (dice.next().value ?? 0) / 1_000,
        onFrame: bytes => {
          frames.push(new TextDecoder().decode(bytes));
          return meaningOf(frames.at(-1) ?? '');
        },
        onState: () => {},
      });
      const wanted = () => network.standing.filter(socket => !socket.isClosing && !socket.isTerminated);
      const open = (socket: (typeof network.sockets)[number] | undefined) => {
        if (socket === undefined || opened.has(socket)) return;
        opened.add(socket);
        socket.open();
      };

      feed.start();
      for (const event of events) {
        await clock.advanceAndSettle(0);
        switch (event.type) {
          case 'pass':
            await clock.advanceAndSettle(event.ms);
            break;
          case 'sleep':
            clock.sleep(event.ms);
            break;
          case 'open':
            open(wanted()[event.which]);
            break;
          case 'relist':
            feed.setInstruments(instruments(event.count));
            break;
          case 'frame': {
            const socket = network.standing[event.which];
            if (socket === undefined || !opened.has(socket)) break;
            const counts = wanted().includes(socket);
            const before = frames.length;
            socket.frame(event.text);
            expect(frames.length - before).toBe(counts ? 1 : 0);
            break;
          }
          case 'end':
            network.standing[event.which]?.end(ends[event.end] as SocketEnd);
            break;
        }
        expect(wanted().length).toBeLessThanOrEqual(2);
        if (feed.report.state === 'live') expect(wanted().length).toBeGreaterThanOrEqual(1);
      }
      dialledAt.forEach((at, index) => {
        const later = dialledAt[index + 3];
        if (later !== undefined) expect(later - at).toBeGreaterThanOrEqual(10_000);
      });

      // The exchange recovers: within a few minutes there is one live socket with the latest list.
      for (let second = 0; second < 300; second++) {
        await clock.advanceAndSettle(1_000);
        for (const socket of wanted()) {
          open(socket);
          socket.frame('data');
        }
      }
      expect(feed.report.state).toBe('live');
      const codes = feed.instruments.map(({ nativeCode }) => nativeCode).join(',');
      expect(wanted().some(socket => socket.sent[0] === `subscribe ${codes}`)).toBe(true);

      void feed.stop();
      await clock.advanceAndSettle(999);
      expect(network.standing).toEqual([]);
      expect(clock.pending).toBe(0);
    }),
    { numRuns: 200 },
  );
}, 60_000);
