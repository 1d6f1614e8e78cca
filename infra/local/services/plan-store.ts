import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineName, ManagedService, ServicePlan } from './managed-service.ts';

/** A plan together with what carries it out. */
export interface StoredPlan extends ServicePlan {
  readonly engine: EngineName;
  /** Whether it was told to run, and not to end since: what does not run then has crashed. */
  readonly isWanted: boolean;
}

/** What was decided about a service in a data folder; `null` when nothing was, or when the file is not whole. */
export function readPlan(dataFolder: string, service: ManagedService): StoredPlan | null {
  try {
    const value = JSON.parse(readFileSync(fileOf(dataFolder, service), 'utf8')) as Partial<StoredPlan>;
    const { engine, ports, password, isWanted } = value;
    const isWhole =
      (engine === 'native' || engine === 'docker') &&
      Array.isArray(ports) &&
      ports.length === service.portCount &&
      ports.every(Number.isInteger) &&
      typeof password === 'string' &&
      typeof isWanted === 'boolean';
    return isWhole ? { engine, ports, password, isWanted } : null;
  } catch {
    return null;
  }
}

/** Keeps a plan, whole or not at all. */
export function writePlan(dataFolder: string, service: ManagedService, plan: StoredPlan): void {
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const file = fileOf(dataFolder, service);
  writeFileSync(`${file}.new`, `${JSON.stringify(plan)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Hexadecimal, so that no URL, shell, SQL or configuration file has to escape it. */
export function newPassword(): string {
  return randomBytes(16).toString('hex');
}

function fileOf(dataFolder: string, service: ManagedService): string {
  return join(dataFolder, `${service.name}.json`);
}
