import { expect } from 'vitest';
import type { Cluster } from './cluster.ts';
import { expectLawful } from './expect-lawful.ts';
import { spread } from './figures.ts';
import { machineNow } from './machine-clock.ts';
import { OwnStalls } from './own-stalls.ts';
import { ProductClient } from './product-client.ts';
import { Watch } from './watch.ts';

/** Rule HND1: the longest silence of any client, beside what the machine itself stalls. */
const MOST_SILENCE_MS = 300;
/** So long after the old leader is gone its silence would still be heard. */
const AFTERWARDS_MS = 1_500;

/** Asks the leader to end, again and again. Nobody may miss a trade, or the stream for longer than a moment. */
export async function runHandovers(cluster: Cluster, rounds: number): Promise<void> {
  await cluster.allWell();
  const watch = await Watch.begin(cluster);
  const silencesMs: number[] = [];
  const successionsMs: number[] = [];
  const stallsMs: number[] = [];
  const own = new OwnStalls();
  const ownStallsMs: number[] = [];
  const tookMs: number[] = [];
  const longest: string[] = [];
  const productMs: number[] = [];
  const products = cluster.nodes.map(({ streamUrl }) => {
    return new ProductClient([
      streamUrl,
      ...cluster.nodes.map(other => other.streamUrl).filter(url => url !== streamUrl),
    ]);
  });
  try {
    for (let round = 0; round < rounds; round++) {
      await watch.goHome();
      const leader = await cluster.leader();
      const { epoch } = await leader.health();
      own.reset();
      await watch.hearsAfter(machineNow());
      const at = machineNow();
      expect(await leader.terminate()).toBe('0');
      tookMs.push(machineNow() - at);
      await watch.epochAfter(epoch, 20_000);
      await watch.hearsAfter(machineNow() + AFTERWARDS_MS);
      const until = machineNow();
      ownStallsMs.push(own.worstMs);
      longest.push(watch.longestSilence(at, until));
      silencesMs.push(watch.longestSilenceMs(at, until));
      successionsMs.push(...watch.successionsMs(epoch));
      productMs.push(...products.map(product => product.silenceMs(at, until)));
      stallsMs.push(cluster.control.stallMs(at, until));
      await leader.start();
      await cluster.allWell();
    }
    const judgement = await watch.judge();
    console.log(
      `${rounds} × SIGTERM of the leader: longest silence of any client ${spread(silencesMs)}; ` +
        `(of the product's own clients ${spread(productMs)}); ` +
        `from the old leader's last batch to the new one's first, for each client ${spread(successionsMs)}; ` +
        `the control process stalled ${spread(stallsMs)}, and the one that listens ${spread(ownStallsMs)}; the old leader was gone after ${spread(tookMs)}\n${judgement.figures}`,
    );
    expectLawful(cluster, judgement);
    for (const { excused, gaps } of judgement.trades.values())
      expect({ excused, gaps }).toEqual({ excused: 0, gaps: [] });
    silencesMs.forEach((ms, round) => {
      expect(ms, `round ${round}: ${longest[round]}`).toBeLessThan(
        cluster.allowedMs(MOST_SILENCE_MS) + stallsMs[round]!,
      );
    });
  } finally {
    watch.stop();
    own.stop();
    for (const { source } of products) source.stop();
  }
}
