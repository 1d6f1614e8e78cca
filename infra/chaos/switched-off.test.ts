import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { describeWithService } from '../local/services/testing/describe-with-service.ts';
import { Cluster } from './testing/cluster/cluster.ts';
import { Watch } from './testing/cluster/watch.ts';
import { announcement, PROTECTIONS, type Protection } from './testing/switched-off/protections.ts';
import type { LivesReport } from './testing/switched-off/stream-lives.ts';

/** Each protection is taken out of a program that runs; the checker must notice, and must be content when all are there. */
const path = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));

function expectSwitchedOff(protection: Protection, log: string): void {
  for (const replacement of PROTECTIONS[protection]) expect(log).toContain(announcement(protection, replacement));
}

async function live(protection?: Protection): Promise<LivesReport> {
  const hook = protection === undefined ? [] : ['--import', path('./testing/switched-off/switch-off.ts')];
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [...hook, path('./testing/switched-off/stream-lives.ts'), String(seed), '60'],
    { env: { PATH: process.env['PATH'], ...(protection === undefined ? {} : { SWITCHED_OFF: protection }) } },
  );
  if (protection !== undefined) expectSwitchedOff(protection, stderr);
  return JSON.parse(stdout) as LivesReport;
}

test('[ORD1] [GAP1] with all protections the checker finds nothing in sixty lives of the stream', async () => {
  console.log(`SEED=${seed}`);
  expect(await live()).toEqual({ violations: {}, first: {}, broken: 0 });
});

test.each<[rule: string, protection: Protection]>([
  ['ORD2', 'writerCheck'],
  ['TRM1', 'trimming'],
  ['GAP1', 'holeDetection'],
])('[%s] without %s the checker finds violations', async (rule, protection) => {
  const { violations, first } = await live(protection);
  console.log(`without ${protection}: ${JSON.stringify(violations)}`);
  // A missing stretch shows as what a batch claims to cover and does not hold.
  const expected = rule === 'GAP1' ? ['HB1', 'CNF1'] : [rule];
  for (const shown of expected) expect(Object.keys(violations), JSON.stringify(first)).toContain(shown);
});

/** Upbit answers each new subscription with the last trade of every market. */
async function reconnectAtTheExchange(switchedOff?: Protection): Promise<readonly string[]> {
  const off = switchedOff === undefined ? {} : { switchedOff };
  const cluster = await Cluster.start({ nodes: 1, sessionTimeoutMs: null, seed, beginsAfterEvents: 0, ...off });
  try {
    const watch = await Watch.begin(cluster);
    // By then the watch has seen a trade of most of its markets, and most of these trade less than once a second.
    await expect.poll(() => watch.clients[0]!.tradesOf('upbit'), { timeout: 20_000 }).toBeGreaterThan(100);
    const struckAt = Date.now();
    await cluster.strike({ fault: 'drop', exchange: 'upbit' });
    await cluster.exchangeBack('upbit', struckAt);
    const { violations, figures } = await watch.judge();
    console.log(`without ${switchedOff ?? 'nothing'}: ${violations.length} violations\n${figures}`);
    if (switchedOff !== undefined) expectSwitchedOff(switchedOff, cluster.nodes[0]!.program.log(1_000));
    return violations;
  } finally {
    await cluster.stop();
  }
}

test('[TRD1] without tradeMemory the checker finds trades that were published twice, and with it none', async () => {
  const [all, without] = await Promise.all([reconnectAtTheExchange(), reconnectAtTheExchange('tradeMemory')]);
  expect(all).toEqual([]);
  expect(without.some(violation => violation.startsWith('TRD1'))).toBe(true);
}, 60_000);

const SESSION_TIMEOUT_MS = 1_000;

/** A leader that stands still until another one leads. With its lease: `freeze` in cluster.test.ts. */
describeWithService(['zookeeper', 'redis', 'mariadb'], 'a leader that stood still', () => {
  test('[FEN1] without leaseCheck the checker hears it speak after its time', async () => {
    const switchedOff = 'leaseCheck';
    const timing = { sessionTimeoutMs: SESSION_TIMEOUT_MS, beginsAfterEvents: 0 };
    const cluster = await Cluster.start({ nodes: 2, seed, switchedOff, ...timing });
    try {
      const watch = await Watch.begin(cluster);
      await watch.goHome();
      const leader = await cluster.leader();
      const { epoch } = await leader.health();
      leader.freeze();
      await watch.epochAfter(epoch, 20_000);
      await sleep(SESSION_TIMEOUT_MS);
      leader.thaw();
      await cluster.allWell();
      const { violations, figures } = await watch.judge({ trades: false });
      console.log(`without ${switchedOff}: ${violations.length} violations, ${violations[0]}\n${figures}`);
      expectSwitchedOff(switchedOff, leader.program.log(10_000));
      expect(violations.some(violation => violation.startsWith('FEN1'))).toBe(true);
    } finally {
      await cluster.stop();
    }
  }, 120_000);
});
