import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { type ManagedService, ServicesError } from './managed-service.ts';
import { findProgram } from './server-command.ts';

/** Debian asks this program whether a package may start its daemon; 101 is no (invoke-rc.d, deb-systemd-invoke). */
const POLICY = '/usr/sbin/policy-rc.d';
const REFUSE_ALL = '#!/bin/sh\nexit 101\n';

/** Whether packages can be installed here without asking anybody. */
export function canInstall(): boolean {
  return process.getuid?.() === 0 && findProgram(['apt-get']) !== undefined;
}

/** What to tell somebody whose machine lacks programs. */
export function howToInstall(services: readonly ManagedService[]): string {
  const lacks = services.flatMap(service => service.missing());
  const packages = services.flatMap(service => service.packages);
  return `not installed: ${lacks.join(', ')}. On Debian: apt-get install ${packages.join(' ')}`;
}

/**
 * Installs the Debian packages of the services, and keeps their system daemons from being started.
 * @throws with how to do it by hand when it fails
 */
export async function install(services: readonly ManagedService[]): Promise<void> {
  const packages = services.flatMap(service => service.packages);
  const isOurPolicy = !existsSync(POLICY);
  if (isOurPolicy) writeFileSync(POLICY, REFUSE_ALL, { mode: 0o755 });
  try {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
      await aptGet(args);
    }
  } finally {
    if (isOurPolicy) rmSync(POLICY, { force: true });
  }
  if (services.some(service => service.missing().length > 0)) throw new ServicesError(howToInstall(services));
}

async function aptGet(args: readonly string[]): Promise<void> {
  // Nobody reads the hundred lines of an installation that went well, and standard output is for the addresses.
  const child = spawn('apt-get', ['-qq', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new ServicesError(`apt-get ${args.join(' ')} failed`);
}
