/**
 * `stream-lives.ts SEED LIVES`: lives through as many stream worlds, drawn by chance from the seed, and prints what the
 * checker says about them: `{violations: {GAP1: 12}, first: {GAP1: "…"}, broken}`. `broken` lives ended with an error.
 */
import { Prng } from '../../../exchange-simulator/market/prng.ts';
import { checkStream, type Violation } from '../../stream-checker.ts';
import { type Happening, StreamWorld } from '../stream-world.ts';
import { liveWithZombie } from './zombie-life.ts';

export type LivesReport = {
  readonly violations: Readonly<Record<string, number>>;
  readonly first: Readonly<Record<string, string>>;
  readonly broken: number;
};

const [seed = 1, lives = 50] = process.argv.slice(2).map(Number);
const HAPPENINGS = 60;
const violations: Record<string, number> = {};
const first: Record<string, string> = {};
let broken = 0;

note('with a zombie', liveWithZombie());
for (let life = 0; life < lives; life++) note(`life ${seed + life}`, live(seed + life));
const report: LivesReport = { violations, first, broken };
console.log(JSON.stringify(report));

function note(name: string, found: readonly Violation[]): void {
  for (const { rule, text } of found) {
    violations[rule] = (violations[rule] ?? 0) + 1;
    first[rule] ??= `${name}: ${text}`;
  }
}

function live(lifeSeed: number): readonly Violation[] {
  const prng = new Prng(lifeSeed);
  const world = new StreamWorld({ maxBytes: 64 * 1024 * 1024, hasPosition: false, cut: 'full' });
  const mayDepose = lifeSeed % 2 === 0;
  try {
    for (let index = 0; index < HAPPENINGS; index++) world.happen(draw(prng, mayDepose));
    if (!world.heal()) note(`life ${lifeSeed}`, [{ rule: 'GAP1', delivery: 0, text: 'it never came to rest' }]);
  } catch {
    // Where consumers swallow anything, a relay that keeps its log in order comes to grief. What it did until then counts.
    broken++;
  }
  return checkStream({ reference: world.published, deposed: world.deposed, deliveries: world.recorder.deliveries })
    .violations;
}

function draw(prng: Prng, mayDepose: boolean): Happening {
  const below = (bound: number) => prng.uint32() % bound;
  const path = below(3);
  switch (below(mayDepose ? 12 : 11)) {
    case 0:
    case 1:
    case 2:
      return { kind: 'seal', events: Array.from({ length: below(12) }, () => below(10_000)) };
    case 3:
    case 4:
      return { kind: 'pass', ms: 1 + below(2_500) };
    case 5:
      return { kind: 'cut', path };
    case 6:
      return { kind: 'lose', path };
    case 7:
      return { kind: 'repeat', path };
    case 8:
      return { kind: 'stall', path };
    case 9:
      return { kind: 'slow', path, latencyMs: below(900), window: 1 + below(9) };
    case 10:
      return { kind: 'takeover', by: 1 + below(9) };
    default:
      return { kind: 'depose', by: 1 + below(9) };
  }
}
