import { describe, expect, test } from 'vitest';
import { trade } from '../model/testing/market-events.ts';
import { SEEKING_DEAD_AFTER_MS } from '../wire/messages.ts';
import { ResilientSource } from './resilient-source.ts';
import { ResilientFixture } from './testing/resilient-fixture.ts';

const START = { epoch: 5, offset: 10 };

/** Started and live on its first source at 5:11. */
function liveFixture(...names: readonly string[]): ResilientFixture {
  const fixture = new ResilientFixture(names, START);
  fixture.stream.start();
  fixture.source(0).last.hello(5, 10);
  fixture.source(0).last.batch(5, 11, 12);
  expect(fixture.read()).toEqual([`connecting ${names[0]}`, 'batch 5:11–11', `live ${names[0]}`]);
  return fixture;
}

describe('a server that leaves', () => {
  test('[HND1] sends its readers elsewhere, and they are there within 50 ms', () => {
    const fixture = liveFixture('a', 'b');
    fixture.source(0).last.end('this server is shutting down', 'elsewhere');
    fixture.clock.advance(50);
    expect(fixture.read()).toEqual(['waiting b', 'connecting b']);
    expect(fixture.source(1).last.request.position).toEqual({ epoch: 5, offset: 11 });
    fixture.stream.stop();
  });

  test('[HND1] that is the only one is asked again after the usual wait', () => {
    const fixture = liveFixture('a');
    fixture.source(0).last.end('this server is shutting down', 'elsewhere');
    fixture.clock.advance(50);
    expect(fixture.read()).toEqual(['waiting a']);
    fixture.clock.advance(1_000);
    expect(fixture.read()).toEqual(['connecting a']);
    fixture.stream.stop();
  });
});

describe('a server that falls silent', () => {
  test('[HB1] is left for another at once: a frozen one would take the next connection too, and say nothing', () => {
    const fixture = liveFixture('a', 'b');
    fixture.clock.advance(1_500);
    fixture.clock.advance(50);
    expect(fixture.read()).toEqual(['waiting b', 'connecting b']);
    expect(fixture.source(1).last.request.position).toEqual({ epoch: 5, offset: 11 });
    fixture.stream.stop();
  });
});

describe('opening', () => {
  test('needs at least one source', () => {
    expect(() => new ResilientSource({ sources: [], onBatch: () => {}, onSnapshot: () => {} })).toThrow(RangeError);
  });

  test('[RES1] presents the position and the cut', () => {
    const fixture = new ResilientFixture(['a'], START, { cut: 'lite' });
    fixture.stream.start();
    fixture.stream.start();
    expect(fixture.source(0).openings.map(({ request }) => request)).toEqual([{ position: START, cut: 'lite' }]);
  });

  test('is live once the consumer has something, not before', () => {
    const fixture = new ResilientFixture(['a'], null);
    fixture.stream.start();
    fixture.source(0).last.hello(5, 10);
    fixture.source(0).last.status('live');
    expect(fixture.read()).toEqual(['connecting a']);
    fixture.source(0).last.snapshot(5, 10, 'initial');
    expect(fixture.read()).toEqual(['snapshot initial 5:10', 'live a']);
  });

  test('a source that answers, fails or throws before open has returned is like any other', () => {
    const fixture = new ResilientFixture(['throws', 'ends', 'answers'], START);
    fixture.source(0).atOnce = () => {
      throw new Error('no route');
    };
    fixture.source(1).atOnce = opening => opening.end();
    fixture.source(2).atOnce = opening => {
      opening.hello(5, 11);
      opening.batch(5, 11, 12);
    };
    fixture.stream.start();
    fixture.clock.advance(1_000);
    expect(fixture.read()).toEqual([
      'connecting throws',
      'waiting ends',
      'connecting ends',
      'waiting answers',
      'connecting answers',
      'batch 5:11–11',
      'live answers',
    ]);
    fixture.stream.stop();
    expect([fixture.source(2).isOpen, fixture.clock.pending]).toEqual([false, 0]);
  });

  test('a path that says nothing for five seconds is given up', () => {
    const fixture = new ResilientFixture(['mute', 'b'], START);
    fixture.stream.start();
    fixture.clock.advance(4_999);
    expect(fixture.source(0).isOpen).toBe(true);
    fixture.clock.advance(1);
    expect([fixture.source(0).isOpen, fixture.stream.state.name]).toEqual([false, 'waiting']);
    fixture.clock.advance(250);
    expect(fixture.source(1).isOpen).toBe(true);
  });

  test('a path that talks but never sends the first snapshot is given up', () => {
    const fixture = new ResilientFixture(['chatty', 'b'], null);
    fixture.stream.start();
    fixture.pass(5_500, () => fixture.source(0).last.batch(5, 1, 3));
    expect(fixture.source(1).isOpen).toBe(true);
  });

  test('waits double with every round over all sources, up to the cap', () => {
    const fixture = new ResilientFixture(['a', 'b'], START);
    for (const source of fixture.sources) source.atOnce = opening => opening.end();
    fixture.stream.start();
    const waits: number[] = [];
    for (let since = 0; waits.length < 16; ) {
      fixture.clock.advance(1);
      const opened = fixture.stream.counters.opened;
      if (opened > waits.length + 1) {
        waits.push(fixture.clock.monotonic() - since);
        since = fixture.clock.monotonic();
      }
    }
    expect(waits).toEqual([125, 125, 250, 250, 500, 500, 1000, 1000, 2000, 2000, 4000, 4000, 5000, 5000, 5000, 5000]);
  });
});

describe('a path that ends', () => {
  test('[RES1] the same source is asked first, from where the consumer is', () => {
    const fixture = liveFixture('a', 'b');
    fixture.source(0).last.end();
    fixture.clock.advance(250);
    expect(fixture.read()).toEqual(['waiting a', 'connecting a']);
    expect(fixture.source(0).last.request.position).toEqual({ epoch: 5, offset: 11 });
  });

  test('[HB1] one that is silent for 1.5 s is left', () => {
    const fixture = liveFixture('a', 'b');
    fixture.clock.advance(1_499);
    fixture.source(0).last.beat(5, 11);
    fixture.clock.advance(1_499);
    expect(fixture.source(0).isOpen).toBe(true);
    fixture.clock.advance(1);
    expect(fixture.source(0).isOpen).toBe(false);
    expect(fixture.stream.state).toMatchObject({ name: 'waiting', reason: 'silent for 1500 ms' });
  });

  test('one that wants us to stay away is never asked again', () => {
    const fixture = liveFixture('a', 'b');
    fixture.source(0).last.end('go away', 'stop');
    fixture.clock.advance(250);
    fixture.pass(120_000, () => {
      fixture.source(1).last.beat(5, 11);
    });
    expect([fixture.source(0).openings.length, fixture.stream.state.name]).toEqual([1, 'live']);
  });

  test('when all want us to stay away it stops, and says why', () => {
    const fixture = new ResilientFixture(['a', 'b'], START);
    for (const source of fixture.sources) source.atOnce = opening => opening.end(`${source.name} refuses`, 'stop');
    fixture.stream.start();
    fixture.clock.advance(60_000);
    expect(fixture.stream.state).toMatchObject({ name: 'stopped', reason: 'b refuses' });
    expect([fixture.clock.pending, fixture.stream.counters.opened]).toEqual([0, 2]);
  });

  test('the same source twice in the list is no trap', () => {
    const fixture = new ResilientFixture(['a'], START);
    const [a] = fixture.sources;
    const stream = new ResilientSource({
      sources: [a!, a!],
      clock: fixture.clock,
      onBatch: () => {},
      onSnapshot: () => {},
    });
    a!.atOnce = opening => opening.end('go away', 'stop');
    stream.start();
    fixture.clock.advance(60_000);
    expect(stream.state.name).toBe('stopped');
  });
});

describe('holes', () => {
  test('[SNP1] parts of a path that has ended are not mixed with those of the next', () => {
    const fixture = liveFixture('a');
    const events = [12, 13, 14].map(offset => ({ ...trade(), offset }));
    const whole = { part: 1, parts: 2 };
    fixture.source(0).last.batch(5, 12, 15, { ...whole, events: events.slice(0, 1) });
    fixture.source(0).last.end();
    fixture.clock.advance(250);
    fixture.source(0).last.batch(5, 12, 15, { ...whole, events: events.slice(0, 2) });
    fixture.source(0).last.batch(5, 12, 15, { ...whole, part: 2, events: events.slice(2) });
    expect(fixture.batches.at(-1)?.events).toEqual(events);
  });

  test('[GAP1] the same path is asked again from our position', () => {
    const fixture = liveFixture('a', 'b');
    fixture.source(0).last.batch(5, 13, 14);
    fixture.clock.advance(250);
    expect(fixture.source(0).last.request.position).toEqual({ epoch: 5, offset: 11 });
    fixture.source(0).last.batch(5, 12, 15);
    expect(fixture.read()).toEqual(['waiting a', 'connecting a', 'batch 5:12–14', 'live a']);
    expect(fixture.stream.counters).toMatchObject({ holes: 1, lost: 0 });
  });

  test('[GAP1] a path that shows the hole again is left for another', () => {
    const fixture = liveFixture('a', 'b');
    fixture.source(0).last.batch(5, 13, 14);
    fixture.clock.advance(250);
    fixture.source(0).last.batch(5, 13, 14);
    fixture.clock.advance(250);
    fixture.source(1).last.batch(5, 12, 15);
    expect(fixture.read().at(-1)).toBe('live b');
  });

  test('[GAP1] a hole that no path can heal is declared once, by beginning anew', () => {
    const fixture = liveFixture('a', 'b');
    for (const source of fixture.sources) {
      source.atOnce = opening => {
        if (opening.request.position === null) opening.snapshot(5, 20, 'initial');
        else opening.batch(5, 15, 21);
      };
    }
    fixture.source(0).last.batch(5, 15, 16);
    fixture.clock.advance(60_000);
    expect(fixture.diary.filter(line => line.startsWith('snapshot'))).toEqual(['snapshot lost 5:20']);
    expect(fixture.stream.counters.lost).toBe(1);
  });

  test('[GAP1] what one path has lost another may still have', () => {
    const fixture = liveFixture('a', 'b');
    fixture.source(0).last.end();
    fixture.clock.advance(250);
    fixture.source(0).last.hello(5, 30);
    fixture.source(0).last.snapshot(5, 30, 'lost');
    fixture.clock.advance(250);
    fixture.source(1).last.hello(5, 30);
    fixture.source(1).last.batch(5, 12, 31);
    expect(fixture.read()).toEqual([
      'waiting a',
      'connecting a',
      'waiting b',
      'connecting b',
      'batch 5:12–30',
      'live b',
    ]);
    expect(fixture.stream.counters.lost).toBe(0);
  });

  test('[GAP1] when none has it, the loss is declared exactly once', () => {
    const fixture = liveFixture('a', 'b', 'c');
    fixture.source(1).atOnce = opening => opening.end();
    for (const index of [0, 2]) fixture.source(index).atOnce = opening => opening.snapshot(5, 30, 'lost');
    fixture.source(0).last.end();
    fixture.clock.advance(2_000);
    expect(fixture.diary.filter(line => line.startsWith('snapshot'))).toEqual(['snapshot lost 5:30']);
  });

  test('[GAP1] a reader whose servers look for it themselves believes the first', () => {
    const fixture = new ResilientFixture(['a', 'b'], START, { healElsewhere: false });
    fixture.stream.start();
    fixture.source(0).last.snapshot(5, 30, 'lost');
    expect(fixture.read()).toEqual(['connecting a', 'snapshot lost 5:30', 'live a']);
  });

  test('[SLO1] a loss in mid-stream is the server’s to decide', () => {
    const fixture = liveFixture('a', 'b');
    fixture.source(0).last.snapshot(5, 30, 'lost');
    expect([fixture.read(), fixture.stream.counters.lost]).toEqual([['snapshot lost 5:30'], 1]);
  });
});

describe('a fallback that serves', () => {
  function onFallback(): ResilientFixture {
    const fixture = new ResilientFixture(['a', 'b', 'c'], START);
    fixture.source(0).atOnce = opening => opening.end();
    fixture.stream.start();
    fixture.clock.advance(250);
    fixture.source(0).atOnce = () => {};
    fixture.source(1).last.batch(5, 11, 12);
    expect(fixture.read().at(-1)).toBe('live b');
    return fixture;
  }

  const beat = (fixture: ResilientFixture) => () => fixture.source(1).last.beat(5, 11);

  test('the preferred path is tried beside it after a while, and taken when it is not behind', () => {
    const fixture = onFallback();
    fixture.pass(29_900, beat(fixture));
    expect(fixture.source(0).openings).toHaveLength(1);
    fixture.pass(100, beat(fixture));
    const preferred = fixture.source(0).last;
    preferred.hello(5, 11);
    preferred.status('live');
    expect(fixture.source(1).isOpen).toBe(true);
    fixture.read();
    preferred.batch(5, 12, 14);
    expect([fixture.read(), fixture.source(1).isOpen]).toEqual([['connecting a', 'batch 5:12–13', 'live a'], false]);
    expect(fixture.stream.counters.switched).toBe(1);
  });

  test('[HB1] a preferred path that stays behind is not taken, and let go after a while', () => {
    const fixture = onFallback();
    fixture.pass(30_000, beat(fixture));
    const preferred = fixture.source(0).last;
    preferred.hello(5, 9);
    fixture.pass(4_900, beat(fixture), () => preferred.beat(5, 9));
    expect([preferred.isOpen, fixture.source(1).isOpen]).toEqual([true, true]);
    fixture.pass(100, beat(fixture));
    expect([preferred.isOpen, fixture.stream.state.source]).toEqual([false, 'b']);
    fixture.pass(30_000, beat(fixture));
    expect(fixture.source(0).openings).toHaveLength(3);
  });

  test('[HB1] one that is slower by some milliseconds is not behind', () => {
    const fixture = onFallback();
    fixture.pass(30_000, beat(fixture));
    const preferred = fixture.source(0).last;
    preferred.hello(5, 11);
    for (let first = 12; first < 15; first++) fixture.source(1).last.batch(5, first, first + 1);
    fixture.clock.advance(100);
    preferred.batch(5, 12, 13);
    expect(fixture.stream.state.source).toBe('a');
    preferred.batch(5, 13, 14);
    preferred.batch(5, 14, 16);
    expect(fixture.read().filter(line => line.startsWith('batch'))).toEqual([
      'batch 5:12–12',
      'batch 5:13–13',
      'batch 5:14–14',
      'batch 5:15–15',
    ]);
  });

  test('[HB1] one that needs seconds to come as far is not taken', () => {
    const fixture = onFallback();
    fixture.pass(30_000, beat(fixture));
    const preferred = fixture.source(0).last;
    preferred.hello(5, 11);
    fixture.source(1).last.batch(5, 12, 20);
    fixture.pass(2_000, () => fixture.source(1).last.beat(5, 19));
    preferred.batch(5, 12, 13);
    expect(fixture.stream.state.source).toBe('b');
  });

  test('[HB1] one that has no upstream is not taken', () => {
    const fixture = onFallback();
    fixture.pass(30_000, beat(fixture));
    const preferred = fixture.source(0).last;
    preferred.status('seeking');
    preferred.batch(5, 12, 13);
    expect(fixture.stream.state.source).toBe('b');
  });

  test('[GAP1] one that has lost our position is not taken', () => {
    const fixture = onFallback();
    fixture.pass(30_000, beat(fixture));
    fixture.source(0).last.snapshot(5, 40, 'lost');
    expect([fixture.source(0).isOpen, fixture.stream.state.source, fixture.stream.counters.lost]).toEqual([
      false,
      'b',
      0,
    ]);
  });

  test('[EPO1] one whose epoch knows nothing of our last events is right: who still serves them is deposed', () => {
    const fixture = onFallback();
    fixture.pass(30_000, beat(fixture));
    fixture.source(0).last.snapshot(6, 3, 'diverged', { lineage: [{ epoch: 5, end: 10 }] });
    expect(fixture.read().slice(-3)).toEqual(['connecting a', 'snapshot diverged 6:3', 'live a']);
  });

  test('when it fails, a path on trial takes its place', () => {
    const fixture = onFallback();
    fixture.pass(30_000, beat(fixture));
    fixture.source(1).last.end();
    fixture.source(0).last.batch(5, 12, 13);
    expect(fixture.read().slice(-3)).toEqual(['connecting a', 'batch 5:12–12', 'live a']);
    expect(fixture.stream.counters.opened).toBe(3);
  });
});

describe('[HB1] a server that is seeking', () => {
  const seeking = (fixture: ResilientFixture) => () => fixture.source(0).last.status('seeking');

  test('is stayed with, and live again with its upstream', () => {
    const fixture = liveFixture('a');
    fixture.pass(60_000, seeking(fixture));
    fixture.source(0).last.status('live');
    fixture.source(0).last.batch(5, 12, 13);
    expect(fixture.read()).toEqual(['seeking a', 'batch 5:12–12', 'live a']);
  });

  test('may be silent for longer than one that should send data, not for ever', () => {
    const fixture = liveFixture('a');
    fixture.source(0).last.status('seeking');
    fixture.clock.advance(SEEKING_DEAD_AFTER_MS - 1);
    expect(fixture.source(0).isOpen).toBe(true);
    fixture.clock.advance(1);
    expect(fixture.source(0).isOpen).toBe(false);
  });

  test('every other path is tried in turn, however often it repeats itself; the same position is no reason to move', () => {
    const fixture = liveFixture('a', 'b', 'c');
    for (const index of [1, 2]) fixture.source(index).atOnce = opening => opening.hello(5, 11);
    const others = [1, 2].map(index => () => {
      if (fixture.source(index).isOpen) fixture.source(index).last.beat(5, 11);
    });
    fixture.pass(20_000, seeking(fixture), ...others);
    expect(fixture.sources.map(source => source.openings.length)).toEqual([1, 2, 1]);
    expect(fixture.stream.state).toMatchObject({ name: 'seeking', source: 'a' });
  });

  test('is left for a path that reports a higher position', () => {
    const fixture = liveFixture('a', 'b');
    fixture.pass(1_700, seeking(fixture));
    fixture.source(1).last.hello(5, 13);
    fixture.source(1).last.batch(5, 12, 14);
    expect(fixture.read()).toEqual(['seeking a', 'connecting b', 'batch 5:12–13', 'live b']);
    expect(fixture.source(0).isOpen).toBe(false);
  });

  test('[GAP1] is left for a path that has lost our position only when nobody else is left to ask', () => {
    const fixture = liveFixture('a', 'b', 'c');
    for (const index of [1, 2]) fixture.source(index).atOnce = opening => opening.snapshot(5, 30, 'lost');
    fixture.pass(2_000, seeking(fixture));
    expect([fixture.source(1).openings.length, fixture.stream.counters.lost]).toEqual([1, 0]);
    fixture.pass(2_000, seeking(fixture));
    expect(fixture.read().slice(-3)).toEqual(['connecting c', 'snapshot lost 5:30', 'live c']);
  });

  test('that recovers is not left for a less preferred path that was being tried', () => {
    const fixture = liveFixture('a', 'b');
    fixture.pass(1_700, seeking(fixture));
    expect(fixture.source(1).isOpen).toBe(true);
    fixture.source(0).last.status('live');
    fixture.source(0).last.beat(5, 11);
    expect(fixture.source(1).isOpen).toBe(false);
    fixture.pass(60_000, () => fixture.source(0).last.beat(5, 11));
    expect(fixture.source(1).openings).toHaveLength(1);
  });

  test('one that is behind us is treated alike until it has caught up', () => {
    const fixture = new ResilientFixture(['a'], START);
    fixture.stream.start();
    fixture.source(0).last.hello(5, 7);
    fixture.source(0).last.beat(5, 7);
    fixture.source(0).last.batch(5, 8, 11);
    fixture.source(0).last.batch(5, 11, 12);
    expect(fixture.read()).toEqual(['connecting a', 'seeking a', 'batch 5:11–11', 'live a']);
  });

  test('[ORD2] one that follows a deposed leader is treated alike, and its records are counted', () => {
    const fixture = liveFixture('a', 'b');
    fixture.source(0).last.batch(5, 12, 13, { writer: 7 });
    fixture.pass(1_700, () => fixture.source(0).last.beat(5, 12, 5));
    expect(fixture.stream.state.name).toBe('seeking');
    expect(fixture.stream.staleWriters).toBe(17);
  });
});

describe('stopping', () => {
  const moments: [string, (fixture: ResilientFixture) => void][] = [
    ['not started', () => {}],
    ['connecting', fixture => fixture.stream.start()],
    [
      'live',
      fixture => {
        fixture.stream.start();
        fixture.source(0).last.batch(5, 11, 12);
      },
    ],
    [
      'waiting',
      fixture => {
        fixture.stream.start();
        fixture.source(0).last.end();
      },
    ],
    [
      'seeking',
      fixture => {
        fixture.stream.start();
        fixture.source(0).last.status('seeking');
      },
    ],
    [
      'seeking with a path on trial',
      fixture => {
        fixture.stream.start();
        fixture.source(0).last.status('seeking');
        fixture.clock.advance(1_600);
      },
    ],
    [
      'stopped',
      fixture => {
        fixture.stream.start();
        fixture.stream.stop();
      },
    ],
  ];

  test.each(moments)('when %s: no path and no timer is left, and nothing is said twice', (_, reach) => {
    const fixture = new ResilientFixture(['a', 'b'], START);
    reach(fixture);
    fixture.stream.stop();
    fixture.read();
    fixture.stream.stop();
    for (const source of fixture.sources) for (const opening of source.openings) opening.batch(5, 11, 13);
    fixture.clock.advance(60_000);
    expect([fixture.read(), fixture.clock.pending, fixture.sources.some(source => source.isOpen)]).toEqual([
      [],
      0,
      false,
    ]);
  });

  const lines = [
    'connecting a',
    'batch 5:11–11',
    'live a',
    'heartbeat 5:11',
    'snapshot lost 5:20',
    'seeking a',
    'waiting a',
  ];

  test.each(lines)('from within the callback “%s”: nothing comes after', line => {
    const fixture = new ResilientFixture(['a', 'b'], START);
    fixture.onLine = written => {
      if (written === line) fixture.stream.stop('enough');
    };
    fixture.stream.start();
    for (const opening of fixture.source(0).openings) {
      opening.hello(5, 11);
      opening.batch(5, 11, 12);
      opening.beat(5, 11);
      opening.snapshot(5, 20, 'lost');
      opening.status('seeking');
      opening.end();
    }
    fixture.clock.advance(60_000);
    expect(fixture.read().slice(-2)).toEqual([line, 'stopped a']);
    expect(fixture.source(0).openings).toHaveLength(line === 'connecting a' ? 0 : 1);
    expect([fixture.clock.pending, fixture.sources.some(source => source.isOpen)]).toEqual([0, false]);
  });

  test('from within what a source says before open has returned: it is closed', () => {
    const fixture = new ResilientFixture(['a'], START);
    fixture.source(0).atOnce = opening => opening.batch(5, 11, 12);
    fixture.onLine = line => {
      if (line === 'batch 5:11–11') fixture.stream.stop();
    };
    fixture.stream.start();
    expect([fixture.source(0).isOpen, fixture.clock.pending]).toEqual([false, 0]);
  });

  test('[RES1] a stream that was stopped can be started again, and goes on from where it was', () => {
    const fixture = liveFixture('a');
    fixture.stream.stop();
    fixture.stream.start();
    expect(fixture.source(0).last.request.position).toEqual({ epoch: 5, offset: 11 });
  });
});
