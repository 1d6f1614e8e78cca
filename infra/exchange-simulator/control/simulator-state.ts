import { EXCHANGES, type ExchangeName } from '../market/instruments.ts';
import type { Market } from '../market/market.ts';
import type { FaultTarget } from './faults.ts';

/** One open socket, as the exchange sees it. */
export type SocketState = {
  id: number;
  /** Epoch milliseconds. */
  openedTime: number;
  framesSent: number;
  /** Subscriptions per channel. */
  subscriptions: Record<string, number>;
};

export type ExchangeState = {
  instruments: number;
  sockets: SocketState[];
  /** Sockets ever opened, and attempts turned away by a fault excluded. */
  connects: number;
  framesSent: number;
  bytesSent: number;
  /** Frames a fault or a closed socket swallowed. */
  framesHeld: number;
  restRequests: number;
  isStalled: boolean;
  isRefusing: boolean;
};

export type SimulatorState = {
  seed: number;
  uptimeMs: number;
  /** CPU time of the whole process the simulator lives in. */
  cpuMs: number;
  marketSteps: number;
  trades: number;
  /** Won per dollar behind the Korean prices: what a premium is measured against. */
  krwPerUsd: number;
  exchanges: Record<ExchangeName, ExchangeState>;
};

export function reportState(
  market: Market,
  targets: Record<ExchangeName, FaultTarget>,
  seed: number,
  uptimeMs: number,
): SimulatorState {
  const exchanges = {} as Record<ExchangeName, ExchangeState>;
  for (const exchange of EXCHANGES) exchanges[exchange] = reportExchange(market, exchange, targets[exchange]);
  return {
    seed,
    uptimeMs,
    cpuMs: Object.values(process.cpuUsage()).reduce((sum, micros) => sum + micros, 0) / 1000,
    marketSteps: market.steps,
    trades: market.tradeCount,
    krwPerUsd: market.prices.krwPerUsd,
    exchanges,
  };
}

function reportExchange(market: Market, exchange: ExchangeName, { protocol, gate }: FaultTarget): ExchangeState {
  return {
    instruments: market.listed(exchange).length,
    sockets: [...protocol.sessions].map(session => ({
      id: session.socket.id,
      openedTime: session.socket.openedMs,
      framesSent: session.socket.framesSent,
      subscriptions: session.subscriptions(),
    })),
    connects: gate.connects,
    framesSent: gate.framesSent,
    bytesSent: gate.bytesSent,
    framesHeld: gate.framesHeld,
    restRequests: gate.restRequests,
    isStalled: gate.isStalled,
    isRefusing: gate.isRefusing,
  };
}
