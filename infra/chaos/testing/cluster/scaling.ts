import { expect } from 'vitest';
import type { Cluster } from './cluster.ts';
import { expectLawful } from './expect-lawful.ts';
import { type Said, untilAllSay } from './health-words.ts';
import { machineNow } from './machine-clock.ts';
import type { NodeProcess } from './node-process.ts';
import { Watch } from './watch.ts';

/** What a neighbour may notice of a node that comes or goes: nothing but a moment's work. */
const MOST_SILENCE_MS = 1_000;

/** `/ws/info` tells the truth within three seconds. */
const LISTED_WITHIN_MS = 3_000;

function listsExactly(nodes: readonly NodeProcess[]): (said: Said) => string | null {
  const expected = nodes.map(({ id }) => id).join();
  return ({ info }) => {
    const endpoints = info.endpoints.filter(({ path }) => path === '/ws/exchange');
    const listed = endpoints.map(({ server }) => server).sort();
    return listed.join() === expected ? null : `/ws/info lists ${listed}`;
  };
}

/** Adds a follower under load and takes it away again: its own clients are sent elsewhere, once, and nobody else notices. */
export async function runScaling(cluster: Cluster): Promise<void> {
  await cluster.allWell();
  const watch = await Watch.begin(cluster);
  try {
    const others = [...watch.clients];
    const at = machineNow();
    const node = await cluster.addNode();
    await node.start();
    await cluster.allWell();
    const [client, witness] = watch.add(node);
    await watch.level();
    const listedMs = await untilAllSay(cluster, listsExactly(cluster.nodes), cluster.allowedMs(LISTED_WITHIN_MS));
    witness.stop();
    const leavingAt = machineNow();
    expect(await node.terminate()).toBe('0');
    const tookMs = machineNow() - leavingAt;
    await watch.hearsAfter(machineNow() + MOST_SILENCE_MS);
    const moved = [watch.silenceMs(client, leavingAt, machineNow()), client.connections[0]!.ending];
    const silenceMs = Math.max(...others.map(other => watch.silenceMs(other, at, machineNow())));
    const stallMs = cluster.control.stallMs(at, machineNow());
    cluster.forget(node);
    const unlistedMs = await untilAllSay(cluster, listsExactly(cluster.nodes), cluster.allowedMs(LISTED_WITHIN_MS));
    const judgement = await watch.judge();
    console.log(
      `a follower added and removed: in /ws/info after ${listedMs.toFixed(0)} ms, out of it after ` +
        `${unlistedMs.toFixed(0)} ms; gone after ${tookMs.toFixed(0)} ms, its client was told ${moved[1]} and silent for ` +
        `${Number(moved[0]).toFixed(0)} ms; longest silence of the others ${silenceMs.toFixed(0)} ms ` +
        `(the control process stalled ${stallMs.toFixed(0)} ms)\n${judgement.figures}`,
    );
    expectLawful(cluster, judgement);
    expect(client.connections).toHaveLength(2);
    expect(client.connections[0]!.ending).toMatch(/^(1001|4000) /);
    for (const { connections, name } of others) expect(connections, name).toHaveLength(1);
    expect(silenceMs).toBeLessThan(cluster.allowedMs(MOST_SILENCE_MS) + stallMs);
  } finally {
    watch.stop();
  }
}
