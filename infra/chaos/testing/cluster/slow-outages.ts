import type { Mode } from '../../../../shared/wire/service-info.ts';
import type { Cluster } from './cluster.ts';
import type { FarLink } from './far-link.ts';
import { both, component, isActive, isUp, type Said, untilAllSay } from './health-words.ts';
import type { Outage } from './outages.ts';
import type { Meanwhile } from './takeovers.ts';

/** Each way of a request takes so much longer: slow, and not so slow that it counts as lost. */
const SLOW_MS = 300;

const NOTICED_WITHIN_MS = 20_000;

type Name = 'kafka' | 'redis';

/** Servers that answer late count as up, with that latency, and keep the mode as it is. */
export function slow(called: string, mode: Mode, ...names: readonly Name[]): Outage {
  const areUp = both(...names.map(name => isUp(name, true)));
  return {
    name: `${called} slow (${mode})`,
    mostSilenceMs: 4_000,
    begin: cluster => delay(cluster, names, SLOW_MS),
    told: both(areUp, answersLate(names, true)),
    meanwhile: both(areUp, isActive(mode)),
    end: cluster => delay(cluster, names, 0),
    healed: both(areUp, isActive(mode), answersLate(names, false)),
    keepsEpoch: true,
  };
}

/**
 * Kafka slow around takeovers. A request of the dead leader may then arrive after its successor has looked where the
 * events end, so that only the ids of trades tell for certain what is a repetition.
 */
export const KAFKA_SLOW: Meanwhile = {
  name: 'while Kafka is slow',
  begin: async cluster => {
    await delay(cluster, ['kafka'], SLOW_MS);
    await untilAllSay(cluster, answersLate(['kafka'], true), NOTICED_WITHIN_MS);
  },
  end: async cluster => {
    await delay(cluster, ['kafka'], 0);
    await untilAllSay(cluster, answersLate(['kafka'], false), NOTICED_WITHIN_MS);
  },
  // The new leader waits for Kafka’s answer that the fence stands.
  moreMs: 2 * SLOW_MS,
  repeatedBy: 'trade id',
};

async function delay(cluster: Cluster, names: readonly Name[], ms: number): Promise<void> {
  const links = cluster.nodes.flatMap(node => names.map(name => cluster.linksOf(node)[name]));
  await Promise.all(links.filter((link): link is FarLink => link !== null).map(link => link.delay(ms)));
}

function answersLate(names: readonly Name[], isSlow: boolean): (said: Said) => string | null {
  const one = (name: Name) => (said: Said) => {
    const { latencyMs } = component(said.health, name);
    return (latencyMs ?? 0) >= 2 * SLOW_MS === isSlow ? null : `${name} answers within ${latencyMs} ms`;
  };
  return both(...names.map(one));
}
