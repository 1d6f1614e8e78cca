import { describe, test } from 'vitest';
import { skipOrFail } from '../../../checks/skip-or-fail.ts';
import { howToInstall } from '../installation.ts';
import { kafkaService } from '../kafka-service.ts';
import { mariaDbService } from '../mariadb-service.ts';
import { redisService } from '../redis-service.ts';
import { zooKeeperService } from '../zookeeper-service.ts';

const SERVICES = {
  redis: redisService,
  zookeeper: zooKeeperService,
  mariadb: mariaDbService,
  kafka: kafkaService,
} as const;

export type TestedService = keyof typeof SERVICES;

/** Why tests against these servers cannot run here; `null` when they can. */
export function whyNotHere(services: readonly TestedService[]): string | null {
  const lacking = services.map(name => SERVICES[name]).filter(service => service.missing().length > 0);
  return lacking.length === 0 ? null : howToInstall(lacking);
}

/** `describe` for tests that need real servers; where these are not installed, one test in their place says so. */
export function describeWithService(
  services: TestedService | readonly TestedService[],
  name: string,
  body: () => void,
) {
  const reason = whyNotHere(typeof services === 'string' ? [services] : services);
  if (reason === null) describe(name, body);
  else describe(name, () => test('against the real server', context => skipOrFail(context, reason)));
}
