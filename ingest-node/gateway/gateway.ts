/** The Redis gateway as a node, or a program of its own, runs it. */
import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../shared/base/clock.ts';
import type { ComponentHealth } from '../../shared/wire/service-info.ts';
import type { Logger } from '../operations/logger.ts';
import { type GatewayCounts, type GatewayLimits, GatewayServer } from './gateway-server.ts';
import type { GatewayStore } from './gateway-store.ts';
import { STREAM_SCRIPTS } from './stream-scripts.ts';

export type GatewayOptions = {
  /** Left open at the end: it is its owner's. */
  readonly store: GatewayStore;
  /** 0 takes any free port. */
  readonly port: number;
  /** `null`: one that nobody outside this process can know. */
  readonly token: string | null;
  /** Interface to listen on. By default all of them with a token of the operator's, and this machine alone without. */
  readonly host?: string;
  readonly clock?: Clock;
  readonly logger: Logger;
  readonly limits?: GatewayLimits;
};

export type Gateway = {
  /** `http://127.0.0.1:8079`: how this machine reaches it. */
  readonly url: string;
  readonly port: number;
  /** For those in this process only: never for a log. */
  readonly token: string;
  readonly counts: GatewayCounts;
  health(): ComponentHealth;
  /** Ends the event streams, lets commands under way finish for half a second, closes every socket. */
  stop(): Promise<void>;
};

/** Rejects with a plain line when the port cannot be had. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { store, clock = systemClock, logger, limits } = options;
  const token = options.token ?? createGatewayToken();
  const host = options.host ?? (options.token === null ? '127.0.0.1' : '0.0.0.0');
  const server = new GatewayServer({
    host,
    port: options.port,
    token,
    store,
    scripts: STREAM_SCRIPTS,
    clock,
    logger,
    ...(limits === undefined ? {} : { limits }),
  });
  const port = await server.listen();
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    token,
    get counts() {
      return server.counts;
    },
    health() {
      const { fault, since, latencyMs } = store.health;
      return {
        name: 'gateway',
        enabled: true,
        state: fault === null ? 'up' : 'down',
        since,
        latencyMs,
        lastError: fault,
      };
    },
    stop: () => server.stop(),
  };
}

/** 192 random bits: nobody guesses them. */
export function createGatewayToken(): string {
  return randomBytes(24).toString('base64url');
}
