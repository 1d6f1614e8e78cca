import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { numberedTrade } from '../../shared/model/testing/market-events.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { MemorySource } from '../../shared/stream/testing/memory-source.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import type { FenceReport } from '../infrastructure/composite-service.ts';
import { OutrankedError, type TakeoverOptions, takeOver } from './takeover.ts';

/** A leader of epoch 10 that published `total` trades, and a path that has the first `onPath` of them. */
function stage({ own, onPath }: { own: number; onPath: number | null }) {
  const clock = new ManualClock();
  const upTo = (count: number) => {
    const publisher = new Publisher(new StreamLog(), () => clock.monotonic());
    publisher.beginEpoch(10, [{ epoch: 8, end: 4 }]);
    for (let id = 1; id <= count; id++) publisher.seal(numberedTrade(id));
    return publisher.log;
  };
  const log = own === 0 ? new StreamLog() : upTo(own);
  const path = new MemorySource({ name: 'redis', log: upTo(onPath ?? 0), clock });
  const tails: FenceReport['tails'] =
    onPath === null
      ? []
      : [{ name: 'redis', tail: { writer: 10, position: path.log.position, lineage: [] }, source: path }];
  const told: string[] = [];
  return { clock, log, path, told, report: { tails, failures: [], higher: null } satisfies FenceReport };
}

async function run(
  staged: ReturnType<typeof stage>,
  report: FenceReport = staged.report,
  end: TakeoverOptions['end'] = null,
) {
  const { clock, log } = staged;
  const taking = takeOver({
    epoch: 20,
    log,
    clock,
    end,
    fence: async () => report,
    onBeforeReset: ({ reason }) => staged.told.push(`${reason} at ${log.position.offset}`),
    onReset: ({ position }) => staged.told.push(`begun anew at ${position.offset}`),
    onBatch: ({ events }) => staged.told.push(...events.flatMap(event => (event.type === 'trade' ? [event.id] : []))),
  });
  taking.catch(() => {});
  await clock.advanceAndSettle(400);
  return taking;
}

const trades = (log: StreamLog) =>
  Array.from({ length: log.ring.end }, (_, number) => log.ring.at(number)?.batch.events ?? [])
    .flat()
    .map(event => (event.type === 'trade' ? event.id : event.type));

describe('[HND1] a leader that has said where it ended', () => {
  // A path that is away altogether would be waited for.
  const never: FenceReport = { tails: [], failures: [{ name: 'redis', error: new Error('away') }], higher: null };

  test('keeps nobody waiting for the paths who has heard all of it', async () => {
    const staged = stage({ own: 5, onPath: 5 });
    const { lineage, ...report } = await run(staged, never, { epoch: 10, offset: 5 });
    expect(lineage.at(-1)).toEqual({ epoch: 10, end: 5 });
    expect(report).toEqual({ continues: true, read: null, faults: [] });
  });

  test('leads nobody back who went astray before it, where it has sealed nothing itself', async () => {
    const staged = stage({ own: 5, onPath: 5 });
    staged.log.beginEpoch(11, [...staged.log.lineage, { epoch: 10, end: 5 }]);
    const { lineage, continues } = await run(staged, never, { epoch: 11, offset: 0 });
    expect([lineage.at(-2), continues]).toEqual([{ epoch: 10, end: 5 }, false]);
  });

  test('is read to its end by who has not', async () => {
    const staged = stage({ own: 3, onPath: 5 });
    const { lineage, continues } = await run(staged, staged.report, { epoch: 10, offset: 5 });
    expect([lineage.at(-1), continues]).toEqual([{ epoch: 10, end: 5 }, false]);
    expect(staged.told).toEqual(['4', '5']);
  });
});

describe('[EPO1] the longest tail is the end of the old epoch', () => {
  test("a path's, of which the rest is read", async () => {
    const staged = stage({ own: 3, onPath: 5 });
    const { lineage, continues, read, faults } = await run(staged);
    expect(continues).toBe(false);
    expect(lineage).toEqual([
      { epoch: 8, end: 4 },
      { epoch: 10, end: 5 },
    ]);
    expect(read).toEqual({ path: 'redis', from: { epoch: 10, offset: 3 }, to: { epoch: 10, offset: 5 } });
    expect(faults).toEqual([]);
    expect(trades(staged.log)).toEqual(['1', '2', '3', '4', '5']);
    // What was read must be remembered like what was followed (TRD1).
    expect(staged.told).toEqual(['4', '5']);
  });

  test("this node's own, and nothing is read", async () => {
    const staged = stage({ own: 5, onPath: 3 });
    const { lineage, read } = await run(staged);
    expect(lineage.at(-1)).toEqual({ epoch: 10, end: 5 });
    expect(read).toBeNull();
    expect(staged.path.requests).toEqual([]);
  });

  test('[TRD1] history that does not reach back to this node is a loss, and told as one', async () => {
    const staged = stage({ own: 3, onPath: 9 });
    staged.path.log.reset({ epoch: 10, offset: 9 }, 10, staged.path.log.lineage, []);
    const { lineage } = await run(staged);
    expect(lineage.at(-1)).toEqual({ epoch: 10, end: 9 });
    expect(staged.told).toEqual(['lost at 3', 'begun anew at 9']);
  });

  test('a node that has followed nothing cannot vouch for what came after it: a loss for all readers', async () => {
    const staged = stage({ own: 0, onPath: 5 });
    expect(await run(staged)).toEqual({ lineage: [], continues: false, read: null, faults: [] });
    expect(staged.log.position.epoch).toBe(0);
    expect(staged.path.requests).toEqual([]);
  });

  test('a path that cannot be read in time is named, and the epoch ends with what is known', async () => {
    const staged = stage({ own: 3, onPath: 5 });
    staged.path.latencyMs = 1_000;
    const { lineage, faults } = await run(staged);
    expect(lineage.at(-1)).toEqual({ epoch: 10, end: 3 });
    expect(faults).toEqual([expect.stringContaining('redis')]);
  });
});

test('[EPO2] a node that finds a higher writer does not lead', async () => {
  const staged = stage({ own: 3, onPath: 5 });
  await expect(run(staged, { ...staged.report, higher: 21 })).rejects.toThrow(OutrankedError);
});
