import { randomBytes } from 'node:crypto';
import { askMySql, type MariaDbPlan, mariaDbUrl, prepareMariaDb } from '../mariadb-server.ts';
import type { ServerCommand } from '../server-command.ts';
import { freePorts } from './free-ports.ts';
import { startOnFreePorts, TestServer, temporaryFolder } from './test-server.ts';

/** A private MariaDB of one test file. What was committed survives stopping, killing and restarting. */
export class TestMariaDb extends TestServer {
  /** `mysql://user:password@127.0.0.1:port/exchange`; the user may create databases named `exchange…` as well. */
  readonly url: string;
  readonly port: number;

  constructor(command: ServerCommand, plan: MariaDbPlan) {
    const url = mariaDbUrl(plan);
    super(command, timeoutMs => askMySql(url, timeoutMs));
    this.url = url;
    this.port = plan.port;
  }
}

/** Starts a MariaDB on a free port with an empty database, in about a second. */
export function startMariaDb(): Promise<TestMariaDb> {
  return startOnFreePorts(async () => {
    const [port = 0] = await freePorts(1);
    const directory = await temporaryFolder('mariadb');
    const plan = { directory, port, password: randomBytes(12).toString('hex') };
    return new TestMariaDb(await prepareMariaDb(plan), plan);
  });
}
