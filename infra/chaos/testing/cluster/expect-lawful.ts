import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Cluster } from './cluster.ts';
import type { Judgement } from './watch.ts';

const MOST_SHOWN = 12;
const MOST_CHARACTERS = 300;

/** Nothing was against the rules, and no exchange wanted to ban us. Shows what the nodes said last where something was. */
export function expectLawful(cluster: Cluster, { violations, figures, trades }: Judgement): void {
  if (violations.length > 0) console.log(`${figures}\n${cluster.logs(8)}`);
  // `KEEP=1` keeps the folder of the cluster with the logs of its nodes.
  const details = JSON.stringify({ violations, trades: Object.fromEntries(trades) }, null, 1);
  if (violations.length > 0) writeFileSync(join(cluster.directory, `judgement-${Date.now()}.json`), details);
  const shown = violations.slice(0, MOST_SHOWN).map(violation => violation.slice(0, MOST_CHARACTERS));
  if (violations.length > shown.length) shown.push(`… and ${violations.length - shown.length} more`);
  expect(shown).toEqual([]);
}
