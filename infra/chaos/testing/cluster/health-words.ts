import type { ComponentHealth, InfraHealth, Mode, ServiceInfo } from '../../../../shared/wire/service-info.ts';
import { waitUntil } from '../../../local/services/wait-until.ts';
import type { Cluster } from './cluster.ts';
import { machineNow } from './machine-clock.ts';
import type { NodeProcess } from './node-process.ts';

export type Said = { readonly node: NodeProcess; readonly health: InfraHealth; readonly info: ServiceInfo };

/**
 * Waits until every running node says what it should: `wrong` answers with what is still wrong, `null` when nothing is.
 * @returns how long that took
 */
export async function untilAllSay(
  cluster: Cluster,
  wrong: (said: Said) => string | null,
  withinMs: number,
): Promise<number> {
  const since = machineNow();
  await waitUntil(async () => {
    const all = await Promise.all(
      cluster.running.map(async node => {
        const [health, info] = await Promise.all([node.health(), node.info()]);
        return { node, health, info };
      }),
    );
    const faults = all.flatMap(said => {
      const fault = wrong(said);
      return fault === null ? [] : [`${said.node.id}: ${fault}`];
    });
    if (faults.length > 0) throw new Error(faults.join('; '));
  }, withinMs);
  return machineNow() - since;
}

export function component(health: InfraHealth, name: string): ComponentHealth {
  const found = health.components.find(known => known.name === name);
  if (found === undefined) throw new Error(`health does not mention ${name}`);
  return found;
}

/** Whether a component is up, or is not. */
export function isUp(name: string, expected: boolean): (said: Said) => string | null {
  return ({ health }) => {
    const { state, lastError } = component(health, name);
    return (state === 'up') === expected ? null : `${name} is ${state} (${lastError})`;
  };
}

/** What the installation is meant to run on, in health and in `/ws/info`. */
export function isMeantFor(mode: Mode): (said: Said) => string | null {
  return ({ health, info }) => {
    const { configured } = health.mode;
    const isSaid = configured === mode && info.mode.configured === mode;
    return isSaid ? null : `configured is ${configured} in health, ${info.mode.configured} in /ws/info, not ${mode}`;
  };
}

/** Which way the stream goes, in health and in `/ws/info`, and that other paths are offered only where they work. */
export function isActive(mode: Mode): (said: Said) => string | null {
  return ({ health, info }) => {
    if (health.mode.active !== mode || info.mode.active !== mode) {
      return `health says ${health.mode.active}, /ws/info ${info.mode.active}, not ${mode}`;
    }
    for (const name of ['kafka', 'redis'] as const) {
      const isOffered = info.endpoints.some(({ path, available }) => path === `/ws/${name}` && available);
      if (isOffered !== mode.includes(name)) return `/ws/info ${isOffered ? 'offers' : 'lacks'} /ws/${name}`;
    }
    return null;
  };
}

export function both(...all: readonly ((said: Said) => string | null)[]): (said: Said) => string | null {
  return said => all.map(wrong => wrong(said)).find(fault => fault !== null) ?? null;
}
