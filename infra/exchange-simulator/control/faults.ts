import type { ExchangeName } from '../market/instruments.ts';
import { EXCHANGES } from '../market/instruments.ts';
import type { Market } from '../market/market.ts';
import type { BinanceProtocol } from '../protocols/binance-protocol.ts';
import type { ExchangeGate } from '../protocols/exchange-gate.ts';
import type { ExchangeProtocol, Session } from '../protocols/exchange-protocol.ts';
import type { Fault, FaultName, FaultReport } from './fault.ts';

export type FaultTarget = { protocol: ExchangeProtocol; gate: ExchangeGate };

/** Each returns how many sockets or exchanges it struck. */
type Strike = {
  [Name in FaultName]: (fault: Extract<Fault, { fault: Name }>, target: FaultTarget, market: Market) => number;
};

const STRIKES: Strike = {
  drop: (fault, { protocol }) => {
    const sessions = oldest(protocol, fault.count);
    for (const session of sessions) session.socket.terminate();
    return sessions.length;
  },
  stall: (fault, { gate }) => {
    gate.stalledUntilMs = gate.now() + fault.ms;
    return 1;
  },
  halfOpen: (fault, { protocol }) => {
    const sessions = oldest(protocol, fault.count);
    for (const session of sessions) session.socket.halfOpen();
    return sessions.length;
  },
  slowReader: ({ bytesPerSecond, ms }, { protocol }) => {
    for (const session of protocol.sessions) session.socket.slowTo(bytesPerSecond, ms);
    return protocol.sessions.size;
  },
  lateFrames: ({ by, ms }, { protocol }) => {
    for (const session of protocol.sessions) session.socket.delayBy(by, ms);
    return protocol.sessions.size;
  },
  errorFrame: (fault, { protocol }) => {
    const sessions: Session[] = [...protocol.sessions];
    for (const session of sessions) session.fail(fault.name);
    return sessions.length;
  },
  unknownEvent: (_, { protocol }) => {
    if (protocol.surprise === undefined) return 0;
    protocol.surprise();
    return protocol.sessions.size;
  },
  serverShutdown: (fault, { protocol }) => {
    if (!isBinance(protocol)) return 0;
    for (const session of protocol.sessions) session.announceShutdown(fault.closeAfterMs ?? 1000);
    return protocol.sessions.size;
  },
  refuse: (fault, { gate }) => {
    gate.refusal = fault.how ?? 'http503';
    gate.refusedUntilMs = gate.now() + fault.ms;
    return 1;
  },
  block: ({ ms, at, status }, { gate }) => (gate.limits.block({ ms, at, status }) ? 1 : 0),
  failRest: ({ path, how, count }, { gate }) => {
    gate.restFaults.order(path, how, count ?? 1);
    return 1;
  },
  failSubscribe: ({ how, count, code }, { gate }) => {
    gate.subscribeFaults.order(how, count ?? 1, code ?? null);
    return 1;
  },
  skipFrames: ({ channel, count, code }, { gate }) => {
    gate.frames.order('skip', channel, count ?? 1, code ?? null);
    return 1;
  },
  bendFrames: ({ how, channel, count, code }, { gate }) => {
    gate.frames.order(how, channel, count ?? 1, code ?? null);
    return 1;
  },
  lagSnapshot: (fault, { protocol, gate }) => {
    if (!isBinance(protocol)) return 0;
    gate.snapshotsHeldUntilMs = gate.now() + fault.ms;
    return 1;
  },
  skewClock: (fault, { gate }, market) => skew(gate, market, fault.ms),
  // There is one market, so its burst is ordered once, by the first of the exchanges.
  burst: ({ factor, ms }, { gate }, market) => {
    if (gate.exchange !== EXCHANGES[0]) return 0;
    market.burst(factor, market.nowMs + ms);
    return 1;
  },
  clear: (_, { gate }, market) => {
    gate.clear();
    return skew(gate, market, 0);
  },
};

/** Where faults are ordered, by tests in process and by the control API alike. */
export class Faults {
  readonly #targets: Record<ExchangeName, FaultTarget>;
  readonly #market: Market;

  constructor(targets: Record<ExchangeName, FaultTarget>, market: Market) {
    this.#targets = targets;
    this.#market = market;
  }

  inject(fault: Fault): FaultReport {
    const named = 'exchange' in fault ? fault.exchange : undefined;
    let struck = 0;
    for (const exchange of EXCHANGES) {
      if (named !== undefined && named !== exchange) continue;
      struck += strike(fault, this.#targets[exchange], this.#market);
    }
    return { fault: fault.fault, struck };
  }
}

/** The table is keyed by the fault's own name, which the compiler can not follow through a union. */
function strike<Name extends FaultName>(
  fault: Extract<Fault, { fault: Name }>,
  target: FaultTarget,
  market: Market,
): number {
  return (STRIKES[fault.fault] as Strike[Name])(fault, target, market);
}

function oldest({ sessions }: ExchangeProtocol, count = Number.POSITIVE_INFINITY): Session[] {
  return [...sessions].filter(({ socket }) => !socket.isHalfOpen).slice(0, count);
}

function skew(gate: ExchangeGate, market: Market, ms: number): number {
  gate.skewMs = ms;
  market.skewClock(gate.exchange, ms);
  return 1;
}

function isBinance(protocol: ExchangeProtocol): protocol is BinanceProtocol {
  return protocol.exchange === 'binance';
}
