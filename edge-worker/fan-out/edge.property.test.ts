import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { MadeUpStream } from '../testing/made-up-stream.ts';
import { EdgeModel, expectedTrades, type ModelBrowser } from './testing/edge-model.ts';

type Step =
  | { do: 'seal'; count: number }
  | { do: 'pass'; ms: number }
  | { do: 'deliver'; count: number }
  | { do: 'evictShard' | 'killHub' | 'loseBoth' | 'dropUpstream' | 'silenceRelay' | 'takeOver' | 'beat' }
  | { do: 'join' | 'leave' | 'return'; who: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('seal' as const), count: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(50, 100, 250, 700) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'evictShard' as const,
        'killHub' as const,
        'loseBoth' as const,
        'dropUpstream' as const,
        'silenceRelay' as const,
        'takeOver' as const,
        'beat' as const,
      ),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('join' as const, 'leave' as const, 'return' as const),
      who: fc.integer({ min: 0, max: 3 }),
    }),
  },
);

const steps = fc.array(step, { minLength: 5, maxLength: 60 });

async function run(model: EdgeModel, sequence: readonly Step[]): Promise<number> {
  const { stream } = model.node;
  let sealed = 0;
  for (const each of sequence) {
    switch (each.do) {
      case 'seal':
        stream.seal(each.count, model.clock.monotonic());
        sealed += each.count;
        break;
      case 'pass':
        await model.pass(each.ms);
        break;
      case 'deliver':
        // Some of what is on its way arrives; the rest is caught by whatever happens next.
        model.clock.advance(100);
        for (let count = 0; count < each.count; count++) model.deliverOne();
        break;
      case 'evictShard':
        model.evictShard();
        break;
      case 'killHub':
        model.killHub();
        break;
      case 'loseBoth':
        model.loseBoth();
        break;
      case 'dropUpstream':
        model.node.drop();
        break;
      case 'silenceRelay':
        model.silenceRelay();
        break;
      case 'takeOver':
        stream.takeOver();
        stream.seal(1, model.clock.monotonic());
        sealed += 1;
        break;
      case 'beat':
        model.node.beat();
        break;
      case 'join':
      case 'leave':
      case 'return': {
        const browser = model.browsers[each.who]!;
        if (each.do === 'leave') browser.leave();
        else if (browser.socket === null && !model.waitingToReturn.has(browser)) browser.connect();
        break;
      }
    }
  }
  return sealed;
}

function check(browser: ModelBrowser, model: EdgeModel, sealed: number): void {
  const { stream } = model.node;
  expect(browser.holes, 'holes seen by a browser').toBe(0);
  expect(browser.lost, 'declared losses, though the node remembers everything').toBe(0);
  expect(browser.diverged).toBe(0);
  expect(browser.position).toEqual(stream.log.position);
  // Every trade after the first snapshot, each once, in order: the trades delivered are the newest ones without a gap.
  expect(browser.trades).toEqual(expectedTrades(sealed).slice(-browser.trades.length || sealed + 1));
  // By all that they say: offsets begin anew with every epoch.
  const sorted = (events: readonly MarketEvent[]) => events.map(event => JSON.stringify(event)).sort();
  const mine = browser.state.events(browser.cut);
  const theirs = stream.log.latest.events(browser.cut);
  expect(sorted(mine)).toEqual(sorted(theirs));
}

test('[ORD1] [TRM1] [RES1] [GAP1] [CUT1] whatever dies in between, every browser ends with every event, once, in order', async () => {
  const seed = Number(process.env['EDGE_SEED'] ?? Date.now() % 1_000_000_000);
  console.log(`seed ${seed} (set EDGE_SEED to repeat)`);
  await fc.assert(
    fc.asyncProperty(steps, async sequence => {
      const model = new EdgeModel(new MadeUpStream(1_000, { maxAgeMs: 1e9, maxBytes: 1e9 }));
      for (const cut of ['full', 'lite', 'full', 'lite'] as const) model.browser(cut);
      model.browsers[0]!.connect();
      const sealed = await run(model, sequence);
      for (const browser of model.browsers) {
        if (browser.socket === null && !model.waitingToReturn.has(browser)) browser.connect();
      }
      await model.pass(12_000);
      for (const browser of model.browsers) check(browser, model, sealed);
    }),
    { seed, numRuns: Number(process.env['EDGE_RUNS'] ?? 150) },
  );
}, 60_000);
