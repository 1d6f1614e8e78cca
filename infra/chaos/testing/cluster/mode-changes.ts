import { expect } from 'vitest';
import type { Mode } from '../../../../shared/wire/service-info.ts';
import { waitUntil } from '../../../local/services/wait-until.ts';
import type { Cluster } from './cluster.ts';
import { expectLawful } from './expect-lawful.ts';
import { both, isActive, isMeantFor, untilAllSay } from './health-words.ts';
import { machineNow } from './machine-clock.ts';
import type { NodeProcess } from './node-process.ts';
import { Watch } from './watch.ts';

/** Less than a client waits before it takes silence for death: nobody has to, the old leader shows the stream of its successor. */
const MOST_SILENCE_MS = 1_500;
/** By then it runs on what it is meant for: a path that has failed in between must be well for five seconds. */
const USED_WITHIN_MS = 10_000;
const SETTLED_WITHIN_MS = 60_000;
const STARTED_WITHIN_MS = 10_000;
/** What comes of the last restart would still be heard. */
const AFTERWARDS_MS = 2_000;

/** All nodes say that they are meant to run on a mode, do so, and offer its paths and no others. */
export const runsOn = (mode: Mode) => both(isMeantFor(mode), isActive(mode));

/**
 * Gives a running deployment another mode as an operator does: node by node is told to end, and started with other
 * settings, the leader last, while everybody goes on listening. Nobody may miss a trade.
 */
export async function changeMode(cluster: Cluster, from: Mode, to: Mode): Promise<void> {
  await cluster.allWell();
  await untilAllSay(cluster, runsOn(from), SETTLED_WITHIN_MS);
  const watch = await Watch.begin(cluster);
  try {
    const at = machineNow();
    const spans: string[] = [];
    for (const node of await leaderLast(cluster)) {
      await watch.goHome(sharedBy(from, to));
      const began = machineNow();
      await restart(cluster, node, to);
      await cluster.allWell();
      await watch.hearsAfter(machineNow());
      spans.push(`${node.id} ${(watch.longestSilenceMs(began, machineNow())).toFixed(0)}`);
    }
    const toldMs = await untilAllSay(cluster, runsOn(to), SETTLED_WITHIN_MS);
    await watch.goHome(to);
    await watch.hearsAfter(machineNow() + AFTERWARDS_MS);
    const until = machineNow();
    const stallMs = cluster.control.stallMs(at, until);
    const silenceMs = watch.longestSilenceMs(at, until);
    const pathsMs = watch.longestSilenceMs(at, until, watch.pathClients);
    // Whether a mode without Kafka leaves a hole in its topics depends on what the next leader still remembers.
    const topics = from.includes('kafka') && to.includes('kafka');
    const judgement = await watch.judge({ topics });
    console.log(
      `${from} → ${to}: longest silence of a client ${silenceMs.toFixed(0)} ms (by restart: ${spans.join(', ')}; of one at home ` +
        `on another path ${pathsMs.toFixed(0)} ms; the control process stalled ${stallMs.toFixed(0)} ms); all said so ` +
        `${toldMs.toFixed(0)} ms after the last had joined\n${judgement.figures}`,
    );
    expectLawful(cluster, judgement);
    for (const { excused, gaps } of judgement.trades.values())
      expect({ excused, gaps }).toEqual({ excused: 0, gaps: [] });
    expect(toldMs).toBeLessThan(cluster.allowedMs(USED_WITHIN_MS) + stallMs);
    expect(silenceMs).toBeLessThan(cluster.allowedMs(MOST_SILENCE_MS) + stallMs);
  } finally {
    watch.stop();
  }
}

/** All nodes anew with a mode, unless they have it; nobody is asked what he missed. */
export async function ensureMode(cluster: Cluster, mode: Mode): Promise<void> {
  await cluster.allWell();
  for (const node of await leaderLast(cluster)) {
    if ((await node.health()).mode.configured === mode) continue;
    await restart(cluster, node, mode);
    await cluster.allWell();
  }
}

async function restart(cluster: Cluster, node: NodeProcess, mode: Mode): Promise<void> {
  expect(await node.terminate()).toBe('0');
  cluster.meanFor(node, mode);
  await node.start();
  const said = await waitUntil(() => node.health(), STARTED_WITHIN_MS);
  expect(said.mode.configured).toBe(mode);
}

async function leaderLast(cluster: Cluster): Promise<NodeProcess[]> {
  return [...(await cluster.followers()), await cluster.leader()];
}

/** What nodes of either mode have. */
function sharedBy(one: Mode, other: Mode): Mode {
  const names = (['kafka', 'redis'] as const).filter(name => one.includes(name) && other.includes(name));
  return names.length === 0 ? 'websocket' : (names.join('+') as Mode);
}
