import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { type ManagedService, ServicesError } from './managed-service.ts';
import { findProgram } from './server-command.ts';

/** Debian asks this program whether a package may start its daemon; 101 is no (invoke-rc.d, deb-systemd-invoke). */
const POLICY = '/usr/sbin/policy-rc.d';
const REFUSE_ALL = '#!/bin/sh\nexit 101\n';

/** What to tell somebody whose machine lacks programs. */
export function howToInstall(services: readonly ManagedService[]): string {
  const lacks = new Set(services.flatMap(service => service.missing()));
  const packages = packagesFor(services);
  const byHand = packages.length === 0 ? '' : ` On Debian: apt-get install ${packages.join(' ')}.`;
  const names = services.flatMap(({ name, download }) => (download === undefined ? [] : [name]));
  const download = names.length === 0 ? '' : ` \`npm run services:install ${names.join(' ')}\` downloads the rest.`;
  return `not installed: ${[...lacks].join(', ')}.${byHand}${download}`;
}

/**
 * Installs the Debian packages that the services need, and keeps their system daemons from being started.
 * @throws when packages are needed and cannot be installed
 */
export async function installPackages(services: readonly ManagedService[]): Promise<void> {
  const packages = packagesFor(services);
  if (packages.length === 0) return;
  if (process.getuid?.() !== 0) throw new ServicesError('only root can install packages');
  if (findProgram(['apt-get']) === undefined) throw new ServicesError('there is no apt-get to install packages with');
  const isOurPolicy = !existsSync(POLICY);
  if (isOurPolicy) writeFileSync(POLICY, REFUSE_ALL, { mode: 0o755 });
  try {
    await aptGet(['update']);
    await aptGet(['install', '-y', '--no-install-recommends', ...packages]);
  } finally {
    if (isOurPolicy) rmSync(POLICY, { force: true });
  }
}

/**
 * Downloads what no package brings.
 * @throws why the service cannot be run here, and how to install it by hand
 */
export async function completeInstallation(service: ManagedService): Promise<void> {
  if (service.missing().length > 0 && service.download?.missing().length === 0) await service.download.run();
  if (service.missing().length > 0) throw new ServicesError(howToInstall([service]));
}

/** The packages that are needed before the services can run, or be downloaded. */
function packagesFor(services: readonly ManagedService[]): string[] {
  const lacking = services.filter(service => (service.download ?? service).missing().length > 0);
  return [...new Set(lacking.flatMap(service => service.packages))];
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
