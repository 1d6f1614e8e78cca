import { resolve } from 'node:path';
import { REPO_ROOT } from '../../checks/source-files.ts';
import type { EngineName, ManagedService } from './managed-service.ts';

/** How the services are run, from `SERVICES_…` in the environment. */
export interface ServicesSettings {
  /** Everything of theirs: configuration, data, logs, pid files, passwords. */
  readonly dataFolder: string;
  /** `null`: native where the programs are, else Docker where an engine is, else native after an installation. */
  readonly engine: EngineName | null;
  /** How long a server may take until it answers. */
  readonly waitMs: number;
  /** The first port by service name. */
  readonly firstPorts: ReadonlyMap<string, number>;
  /** Addresses that the environment names, by service name. */
  readonly named: ReadonlyMap<string, string>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The variable that moves the ports of a service: `SERVICES_REDIS_PORT`. */
export function portVariable(service: ManagedService): string {
  return `SERVICES_${service.name.toUpperCase()}_PORT`;
}

/** Reads the settings; every fault found is told. */
export function readServicesSettings(
  env: Environment,
  services: readonly ManagedService[],
): { readonly settings: ServicesSettings; readonly faults: readonly string[] } {
  const faults: string[] = [];
  const number = (name: string, fallback: number, max: number) => {
    const text = env[name];
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
    faults.push(`${name}: “${text}” is not a whole number from 1 to ${max}`);
    return fallback;
  };
  const engine = env['SERVICES_ENGINE'] || null;
  if (engine !== null && engine !== 'native' && engine !== 'docker') {
    faults.push(`SERVICES_ENGINE: “${engine}” is neither native nor docker`);
  }
  const firstPorts = new Map(
    services.map(one => [one.name, number(portVariable(one), one.firstPort, 65_536 - one.portCount)]),
  );
  const settings: ServicesSettings = {
    dataFolder: resolve(REPO_ROOT, env['SERVICES_DIR'] || 'data/services'),
    engine: engine === 'native' || engine === 'docker' ? engine : null,
    waitMs: number('SERVICES_WAIT_MS', 60_000, 3_600_000),
    firstPorts,
    named: new Map(services.flatMap(one => (env[one.variable] ? [[one.name, env[one.variable] ?? '']] : []))),
  };
  const ours = services.filter(({ name }) => !settings.named.has(name));
  return { settings, faults: [...faults, ...sharedPorts(ours, firstPorts)] };
}

/** Ports that two services would have: it may work until one of them is started again. */
function sharedPorts(services: readonly ManagedService[], firstPorts: ReadonlyMap<string, number>): string[] {
  const ranges = services.map(service => {
    const first = firstPorts.get(service.name) ?? service.firstPort;
    return { service, first, last: first + service.portCount - 1 };
  });
  return ranges.flatMap((one, index) =>
    ranges
      .slice(index + 1)
      .filter(other => one.first <= other.last && other.first <= one.last)
      .map(other => `${placeOf(one)} and ${placeOf(other)} have a port in common`),
  );
}

function placeOf({ service, first, last }: { service: ManagedService; first: number; last: number }): string {
  return `${portVariable(service)} (${service.portCount === 1 ? first : `${first} to ${last}`})`;
}
