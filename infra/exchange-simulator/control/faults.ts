import type { ExchangeName } from '../market/instruments.ts';
import { EXCHANGES } from '../market/instruments.ts';
import type { BinanceProtocol } from '../protocols/binance-protocol.ts';
import type { ExchangeGate, Refusal } from '../protocols/exchange-gate.ts';
import type { ExchangeProtocol, Session } from '../protocols/exchange-protocol.ts';
import { isExchangeName } from '../truth-log.ts';

/** Misfortune on demand. Without `exchange` it strikes all three. */
export type Fault =
  /** Drop TCP connections without a close frame; the oldest first when `count` is given. */
  | { fault: 'drop'; exchange?: ExchangeName; count?: number }
  /** Keep sockets open and send nothing, not even a PONG, for `ms`. Frames of that time are lost, not late. */
  | { fault: 'stall'; exchange?: ExchangeName; ms: number }
  /** Send an error frame in the exchange's words (`name`: `NO_TICKET`, `TOO_MANY_REQUEST`...), then close 1000. */
  | { fault: 'errorFrame'; exchange?: ExchangeName; name?: string }
  /** Binance announces its end and closes 1001 after `closeAfterMs`, one second when not given. */
  | { fault: 'serverShutdown'; closeAfterMs?: number }
  /** Turn new sockets and REST calls away for `ms`. */
  | { fault: 'refuse'; exchange?: ExchangeName; ms: number; how?: Refusal }
  /** Swallow the next `count` frames of a channel (`depth` on Binance makes a gap in U/u). */
  | { fault: 'skipFrames'; exchange?: ExchangeName; channel: string; count?: number }
  /** End stalls, refusals and skips. */
  | { fault: 'clear'; exchange?: ExchangeName };

export type FaultName = Fault['fault'];

/** Sockets or exchanges it struck. */
export type FaultReport = { fault: FaultName; struck: number };

export type FaultTarget = { protocol: ExchangeProtocol; gate: ExchangeGate };

type Strike = { [Name in FaultName]: (fault: Extract<Fault, { fault: Name }>, target: FaultTarget) => number };

const STRIKES: Strike = {
  drop: (fault, { protocol }) => {
    const sessions = [...protocol.sessions].slice(0, fault.count ?? Number.POSITIVE_INFINITY);
    for (const session of sessions) session.socket.terminate();
    return sessions.length;
  },
  stall: (fault, { gate }) => {
    gate.stalledUntilMs = gate.now() + fault.ms;
    return 1;
  },
  errorFrame: (fault, { protocol }) => {
    const sessions: Session[] = [...protocol.sessions];
    for (const session of sessions) session.fail(fault.name);
    return sessions.length;
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
  skipFrames: (fault, { gate }) => {
    gate.skip(fault.channel, fault.count ?? 1);
    return 1;
  },
  clear: (_, { gate }) => {
    gate.clear();
    return 1;
  },
};

export const FAULT_NAMES = Object.keys(STRIKES) as FaultName[];

/** Where faults are ordered, by tests in process and by the control API alike. */
export class Faults {
  readonly #targets: Record<ExchangeName, FaultTarget>;

  constructor(targets: Record<ExchangeName, FaultTarget>) {
    this.#targets = targets;
  }

  inject(fault: Fault): FaultReport {
    const named = 'exchange' in fault ? fault.exchange : undefined;
    let struck = 0;
    for (const exchange of EXCHANGES) {
      if (named !== undefined && named !== exchange) continue;
      struck += strike(fault, this.#targets[exchange]);
    }
    return { fault: fault.fault, struck };
  }
}

/** The table is keyed by the fault's own name, which the compiler can not follow through a union. */
function strike<Name extends FaultName>(fault: Extract<Fault, { fault: Name }>, target: FaultTarget): number {
  return (STRIKES[fault.fault] as (fault: Extract<Fault, { fault: Name }>, target: FaultTarget) => number)(
    fault,
    target,
  );
}

function isBinance(protocol: ExchangeProtocol): protocol is BinanceProtocol {
  return protocol.exchange === 'binance';
}

/** Field names each fault takes beside its own. */
const FIELDS: Record<FaultName, readonly string[]> = {
  drop: ['exchange', 'count'],
  stall: ['exchange', 'ms'],
  errorFrame: ['exchange', 'name'],
  serverShutdown: ['closeAfterMs'],
  refuse: ['exchange', 'ms', 'how'],
  skipFrames: ['exchange', 'channel', 'count'],
  clear: ['exchange'],
};
const REQUIRED: Partial<Record<FaultName, readonly string[]>> = {
  stall: ['ms'],
  refuse: ['ms'],
  skipFrames: ['channel'],
};
const CHECKS: Record<string, { is(value: unknown): boolean; says: string }> = {
  exchange: { is: isExchangeName, says: `one of ${EXCHANGES.join(', ')}` },
  count: { is: value => Number.isSafeInteger(value) && Number(value) > 0, says: 'a whole number above 0' },
  ms: { is: isDuration, says: 'milliseconds from 0 to 3600000' },
  closeAfterMs: { is: isDuration, says: 'milliseconds from 0 to 3600000' },
  name: {
    is: value => typeof value === 'string' && /^[A-Z_]{1,40}$/.test(value),
    says: 'an error name such as NO_TICKET',
  },
  channel: { is: value => typeof value === 'string' && value !== '', says: 'a channel name such as trade' },
  how: { is: value => value === 'http503' || value === 'destroy', says: 'http503 or destroy' },
};

function isDuration(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 3_600_000;
}

/** Read a fault from outside; the text says everything that is wrong with it. */
export function readFault(body: unknown): Fault | string {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'the body must be a JSON object';
  const fields = body as Record<string, unknown>;
  const name = FAULT_NAMES.find(known => known === fields['fault']);
  if (name === undefined) return `fault must be one of ${FAULT_NAMES.join(', ')}`;
  const wrong: string[] = [];
  for (const [field, value] of Object.entries(fields)) {
    if (field === 'fault') continue;
    if (!FIELDS[name].includes(field)) wrong.push(`${name} does not take ${field}`);
    else if (!CHECKS[field]!.is(value)) wrong.push(`${field} must be ${CHECKS[field]!.says}`);
  }
  for (const field of REQUIRED[name] ?? []) {
    if (!(field in fields)) wrong.push(`${name} needs ${field}, ${CHECKS[field]!.says}`);
  }
  return wrong.length > 0 ? wrong.join('; ') : (fields as Fault);
}
