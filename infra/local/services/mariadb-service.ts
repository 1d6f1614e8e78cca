import { join } from 'node:path';
import type { ManagedService, ServicePlan } from './managed-service.ts';
import { askMySql, mariaDbUrl, missingForMariaDb, prepareMariaDb } from './mariadb-server.ts';

/** MariaDB in the place of MySQL, whose protocol and dialect the product speaks. */
export const mariaDbService: ManagedService = {
  name: 'mariadb',
  variable: 'MYSQL_URL',
  firstPort: 13_306,
  portCount: 1,
  servers: ['mariadb'],
  // The server itself and the tools that its installer calls, without the system's own database and daemon.
  packages: ['mariadb-server-core', 'mariadb-client-core'],
  missing: missingForMariaDb,
  prepare: async (dataFolder, plan) => [
    await prepareMariaDb({ directory: join(dataFolder, 'mariadb'), port: portOf(plan), password: plan.password }),
  ],
  address: plan => mariaDbUrl({ port: portOf(plan), password: plan.password }),
  composeVariables: plan => ({ MYSQL_PORT: String(portOf(plan)), MYSQL_PASSWORD: plan.password }),
  ask: (address, timeoutMs) => askMySql(address, timeoutMs),
};

function portOf(plan: ServicePlan): number {
  return plan.ports[0] ?? mariaDbService.firstPort;
}
