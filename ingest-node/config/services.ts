/** The services that a node may use, each enabled by its address. */
import { isHostAndPort, readPort, readUrl, serverList } from './values.ts';

export type ZookeeperSettings = {
  /** `10.0.0.1:2181`, at least one. */
  readonly servers: readonly string[];
  /** Put before every path; empty or `/services/exchange`. */
  readonly chroot: string;
  readonly sessionTimeoutMs: number;
};

/** One Redis, reached over TCP or over the Upstash REST protocol. */
export type RedisSettings =
  | { readonly protocol: 'tcp'; readonly url: string }
  | { readonly protocol: 'rest'; readonly url: string; readonly token: string };

export type GatewaySettings = {
  /** 0 takes any free port. */
  readonly port: number;
  /** `null`: one is made up at each start, and the gateway listens on this machine only. */
  readonly token: string | null;
};

/** The value of a variable, trimmed; `null` when it is empty or not set. */
export type Text = (name: string) => string | null;

/** Sessions shorter than a few heartbeats end by any pause of this machine; long ones leave the stream without a leader. */
const SESSION_TIMEOUT_MS = 3_000;
const SESSION_TIMEOUT_BOUNDS_MS = { least: 1_000, most: 60_000 };

export function readZookeeper(text: Text, faults: string[]): ZookeeperSettings | null {
  const value = text('ZOOKEEPER_CONNECT');
  const timeout = text('ZOOKEEPER_SESSION_TIMEOUT_MS');
  const { least, most } = SESSION_TIMEOUT_BOUNDS_MS;
  const sessionTimeoutMs =
    timeout === null ? SESSION_TIMEOUT_MS : /^\d{1,9}$/.test(timeout) ? Number(timeout) : Number.NaN;
  if (!(sessionTimeoutMs >= least && sessionTimeoutMs <= most)) {
    faults.push(`ZOOKEEPER_SESSION_TIMEOUT_MS: "${timeout}" is not a number of milliseconds from ${least} to ${most}`);
  }
  if (value === null) return null;
  const [, hosts = '', chroot = ''] = /^([^/]*)(\/.*)?$/.exec(value) ?? [];
  const servers = serverList(hosts);
  if (!servers.every(isHostAndPort) || !/^(\/[\w.-]+)*$/.test(chroot)) {
    faults.push(`ZOOKEEPER_CONNECT: "${value}" is not a list like 10.0.0.1:2181,10.0.0.2:2181/services/exchange`);
  }
  return { servers, chroot, sessionTimeoutMs };
}

/** Faults do not repeat the values: they may hold passwords. */
export function readRedis(text: Text, faults: string[]): RedisSettings | null {
  const tcp = text('REDIS_URL');
  const url = text('UPSTASH_REDIS_REST_URL');
  const token = text('UPSTASH_REDIS_REST_TOKEN');
  if (tcp !== null && (url !== null || token !== null)) {
    faults.push('REDIS_URL and UPSTASH_REDIS_REST_URL: there is one Redis, so set one of them');
  }
  if (tcp !== null) {
    const isGood = URL.canParse(tcp) && /^rediss?:$/.test(new URL(tcp).protocol) && new URL(tcp).hostname !== '';
    if (!isGood) faults.push('REDIS_URL: not an address like redis://user:password@host:6379');
    return { protocol: 'tcp', url: tcp };
  }
  if (url === null && token === null) return null;
  if (url === null) faults.push('UPSTASH_REDIS_REST_URL: missing, while UPSTASH_REDIS_REST_TOKEN is set');
  if (token === null) faults.push('UPSTASH_REDIS_REST_TOKEN: missing, while UPSTASH_REDIS_REST_URL is set');
  const address = readUrl(url, 'UPSTASH_REDIS_REST_URL', faults);
  return { protocol: 'rest', url: address ?? '', token: token ?? '' };
}

const GATEWAY_PORT = 8079;

/** The gateway is there when one of its settings is. */
export function readGateway(text: Text, faults: string[]): GatewaySettings | null {
  const port = text('GATEWAY_PORT');
  const token = text('GATEWAY_TOKEN');
  if (port === null && token === null) return null;
  return { port: readPort(port, 'GATEWAY_PORT', GATEWAY_PORT, faults), token };
}

/** The fault does not repeat the value: it may hold a password. */
export function readMysqlUrl(value: string | null, faults: string[]): string | null {
  if (value === null) return null;
  const url = URL.canParse(value) ? new URL(value) : null;
  const isGood = url?.protocol === 'mysql:' && url.hostname !== '' && /^\/[^/]+$/.test(url.pathname);
  if (!isGood) faults.push('MYSQL_URL: not an address like mysql://user:password@host:3306/database');
  return value;
}
