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
  const settings: ServicesSettings = {
    dataFolder: resolve(REPO_ROOT, env['SERVICES_DIR'] || 'data/services'),
    engine: engine === 'native' || engine === 'docker' ? engine : null,
    waitMs: number('SERVICES_WAIT_MS', 60_000, 3_600_000),
    firstPorts: new Map(
      services.map(one => [one.name, number(portVariable(one), one.firstPort, 65_536 - one.portCount)]),
    ),
    named: new Map(services.flatMap(one => (env[one.variable] ? [[one.name, env[one.variable] ?? '']] : []))),
  };
  return { settings, faults };
}
