import { randomBytes } from 'node:crypto';
import { askRedis, prepareRedis, type RedisPlan, redisUrl } from '../redis-server.ts';
import { freePorts } from './free-ports.ts';
import { startOnFreePorts, TestServer, temporaryFolder } from './test-server.ts';

/** A private Redis of one test file. */
export class TestRedis extends TestServer {
  /** `redis://:password@127.0.0.1:port` */
  readonly url: string;
  readonly port: number;

  constructor(plan: RedisPlan) {
    const url = redisUrl(plan);
    super(prepareRedis(plan), timeoutMs => askRedis(url, timeoutMs));
    this.url = url;
    this.port = plan.port;
  }
}

/**
 * Starts a Redis on a free port, in well under a second.
 * @param options `keepsData`: what was written survives a restart; otherwise a restart finds it empty
 */
export function startRedis({ keepsData = false }: { readonly keepsData?: boolean } = {}): Promise<TestRedis> {
  return startOnFreePorts(async () => {
    const [port = 0] = await freePorts(1);
    const directory = await temporaryFolder('redis');
    return new TestRedis({ directory, port, password: randomBytes(12).toString('hex'), keepsData });
  });
}
