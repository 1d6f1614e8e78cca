import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { RepeatedBy } from '../../events-checker.ts';
import type { ObservedEpoch } from '../../observed-stream.ts';
import type { Cluster } from './cluster.ts';
import { expectLawful } from './expect-lawful.ts';
import { spread } from './figures.ts';
import { machineNow } from './machine-clock.ts';
import { everyLink } from './node-links.ts';
import type { NodeProcess } from './node-process.ts';
import { Watch } from './watch.ts';

/** What befalls the leader: its process ends, stands still, or is cut off from everybody but its own clients. */
export type Blow = 'kill' | 'freeze' | 'cut';

const BEYOND_TIMEOUT_MS = 1_000;
/** For how many session timeouts a leader is frozen or cut off. */
const TIMEOUTS = 3;

/** What else is wrong from before each blow until the new leader is heard. */
export type Meanwhile = {
  readonly name: string;
  readonly begin: (cluster: Cluster) => Promise<unknown>;
  readonly end: (cluster: Cluster) => Promise<unknown>;
  /** What the new leader is given besides what is promised. */
  readonly moreMs: number;
  /** How repetitions in `exchange.events` are told. */
  readonly repeatedBy: RepeatedBy;
};

type Round = { readonly at: number; readonly epoch: number; readonly silenceMs: number };

/**
 * Strikes the leader again and again. Each time another node must publish within the session timeout and a second, and in
 * the end nobody may have heard anything against the rules.
 *
 * @param options `isHasty`: each blow comes as soon as everybody is up, though the leader may still be reading back what
 * was missed in the takeover before; `meanwhile`: what else is wrong around each blow
 */
export async function runTakeovers(
  cluster: Cluster,
  blows: readonly Blow[],
  { isHasty = false, meanwhile }: { readonly isHasty?: boolean; readonly meanwhile?: Meanwhile } = {},
): Promise<void> {
  const sessionTimeoutMs = cluster.options.sessionTimeoutMs!;
  await cluster.allWell();
  const watch = await Watch.begin(cluster);
  const done: Round[] = [];
  try {
    for (const blow of blows) {
      if (!isHasty) await cluster.hasReadBack();
      await watch.goHome();
      await meanwhile?.begin(cluster);
      const leader = await cluster.leader();
      const { epoch } = await leader.health();
      const at = machineNow();
      await strike(cluster, leader, blow);
      await watch.epochAfter(epoch, 4 * sessionTimeoutMs + 10_000);
      if (blow !== 'kill') await sleep(Math.max(0, at + TIMEOUTS * sessionTimeoutMs - machineNow()));
      await recover(cluster, leader, blow);
      await watch.hearsAfter(machineNow());
      done.push({ at, epoch, silenceMs: watch.longestSilenceMs(at, machineNow()) });
      await meanwhile?.end(cluster);
      await cluster.allWell();
    }
    const judgement = await watch.judge(meanwhile);
    const { epochs } = judgement.stream;
    const tookMs = (field: 'firstRecordAt' | 'firstBatchAt' | 'firstTradeAt') =>
      done.map(({ at, epoch }) => (successorOf(epoch, epochs)?.[field] ?? Number.POSITIVE_INFINITY) - at);
    const stallsMs = done.map(({ at }) => cluster.control.stallMs(at, at + sessionTimeoutMs + BEYOND_TIMEOUT_MS));
    console.log(
      `${blows.length} × ${[...new Set(blows)].join(', ')} of the leader${isHasty ? ' in haste' : ''}${meanwhile === undefined ? '' : ` ${meanwhile.name}`}, session timeout ${sessionTimeoutMs} ms: ` +
        `first record of the new leader after ${spread(tookMs('firstRecordAt'))}; first batch ${spread(tookMs('firstBatchAt'))}; ` +
        `first trade ${spread(tookMs('firstTradeAt'))}; longest silence of a client ${spread(done.map(({ silenceMs }) => silenceMs))}; ` +
        `the control process stalled ${spread(stallsMs)}\n${judgement.figures}`,
    );
    expectLawful(cluster, judgement);
    tookMs('firstBatchAt').forEach((ms, round) => {
      expect(ms, `${blows[round]}, round ${round}`).toBeLessThan(
        cluster.allowedMs(sessionTimeoutMs + BEYOND_TIMEOUT_MS + (meanwhile?.moreMs ?? 0)) + stallsMs[round]!,
      );
    });
  } finally {
    watch.stop();
  }
}

function successorOf(epoch: number, epochs: readonly ObservedEpoch[]): ObservedEpoch | undefined {
  return epochs.find(known => known.epoch > epoch && known.firstRecordAt !== null);
}

async function strike(cluster: Cluster, leader: NodeProcess, blow: Blow): Promise<void> {
  if (blow === 'kill') await leader.kill();
  else if (blow === 'freeze') leader.freeze();
  else await Promise.all(everyLink(cluster.linksOf(leader)).map(link => link.blackHole()));
}

async function recover(cluster: Cluster, leader: NodeProcess, blow: Blow): Promise<void> {
  if (blow === 'kill') await leader.start();
  else if (blow === 'freeze') leader.thaw();
  else await Promise.all(everyLink(cluster.linksOf(leader)).map(link => link.heal()));
}
