import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkStream } from './stream-checker.ts';
import { type Happening, StreamWorld, type WorldOptions } from './testing/stream-world.ts';

const path = fc.integer({ min: 0, max: 2 });
const by = fc.integer({ min: 1, max: 9 });
/** Between them, most of the world's time is ordinary: sealing, and time that passes. */
const ordinary = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('seal'), events: fc.array(fc.nat(10_000), { maxLength: 12 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.integer({ min: 1, max: 2_500 }) }) },
);
const disturbance = fc.oneof(
  fc.record({ kind: fc.constantFrom('cut', 'cut', 'lose', 'lose', 'repeat', 'stall', 'refuse'), path }),
  fc.record({
    kind: fc.constant('slow'),
    path,
    latencyMs: fc.integer({ min: 0, max: 900 }),
    window: fc.integer({ min: 1, max: 9 }),
  }),
  fc.record({ kind: fc.constant('takeover'), by }),
);
const options = (maxBytes: number) =>
  fc.record({
    maxBytes: fc.constant(maxBytes),
    hasPosition: fc.boolean(),
    cut: fc.constantFrom('full' as const, 'lite' as const),
  });

function life(...happenings: readonly fc.Arbitrary<unknown>[]): fc.Arbitrary<readonly Happening[]> {
  const weighted = [ordinary, ...happenings].map((arbitrary, index) => ({ weight: index === 0 ? 4 : 1, arbitrary }));
  return fc.array(fc.oneof(...weighted), { minLength: 1, maxLength: 80, size: 'max' }) as fc.Arbitrary<
    readonly Happening[]
  >;
}

/** Lives through it; answers what the checker says, and whether the consumer came to where the leader is. */
function live(given: WorldOptions, happenings: readonly Happening[], mayLose: boolean) {
  const world = new StreamWorld(given);
  for (const happening of happenings) world.happen(happening);
  const isAtRest = world.heal();
  const position = given.hasPosition ? { epoch: 1_785_397_200, offset: 0 } : null;
  const { violations, figures } = checkStream({
    reference: world.published,
    deposed: world.deposed,
    deliveries: world.recorder.deliveries,
    position,
    cut: given.cut,
    mayLose,
  });
  const { state } = world.consumer;
  world.stop();
  const left = [world.clock.pending, world.paths.reduce((sum, { sessions }) => sum + sessions, 0)];
  return { isAtRest, state, violations, figures, left };
}

/** Whatever happens in a world made and disturbed like this: no rule is broken, it comes to rest, and nothing is left. */
function expectSound(given: ReturnType<typeof options>, happenings: ReturnType<typeof life>, mayLose: boolean): void {
  fc.assert(
    fc.property(given, happenings, (world, events) => {
      const { isAtRest, state, violations, left } = live(world, events, mayLose);
      expect(violations).toEqual([]);
      expect(isAtRest, `stays ${state.name}: ${state.reason}`).toBe(true);
      expect(left).toEqual([0, 0]);
    }),
    { numRuns: 200, endOnFailure: false },
  );
}

test('[GAP1] while history remembers, nothing is lost, however paths fail, stall, lose, repeat and lag', () => {
  expectSound(options(64 * 1024 * 1024), life(disturbance), false);
}, 120_000);

test('[GAP1] when history forgets, what is lost is declared, and the stream goes on', () => {
  const forgetting = fc.record({ kind: fc.constant('forget'), path });
  expectSound(options(6_000), life(disturbance, forgetting), true);
}, 120_000);

test('[EPO1] whoever followed a deposed leader is told, and everybody else loses nothing', () => {
  const deposing = fc.record({ kind: fc.constant('depose'), by });
  expectSound(options(64 * 1024 * 1024), life(disturbance, deposing), false);
}, 120_000);
