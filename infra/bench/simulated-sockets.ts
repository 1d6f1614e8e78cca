/**
 * The exchanges of the simulator with one socket each, without any network: what a node asks for by its own subscriptions
 * is handed over when the exchange would send it, with its own rhythms and proportions.
 */
import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import type { Instrument } from '../../shared/model/instrument.ts';
import type { Market } from '../exchange-simulator/market/market.ts';
import { Prng } from '../exchange-simulator/market/prng.ts';
import { BinanceProtocol } from '../exchange-simulator/protocols/binance-protocol.ts';
import { bithumbDialect } from '../exchange-simulator/protocols/bithumb.ts';
import { ExchangeGate } from '../exchange-simulator/protocols/exchange-gate.ts';
import type { ExchangeProtocol } from '../exchange-simulator/protocols/exchange-protocol.ts';
import { type KoreanDialect, KoreanProtocol } from '../exchange-simulator/protocols/korean-protocol.ts';
import { upbitDialect } from '../exchange-simulator/protocols/upbit.ts';

/** Those of the market that the bench carries. */
export const SIMULATED = ['binance', 'upbit', 'bithumb'] as const;
export type Simulated = (typeof SIMULATED)[number];

export type SimulatedSocketsOptions = {
  readonly market: Market;
  readonly seed: number;
  readonly instruments: (exchange: Simulated) => readonly Instrument[];
  /** Those of Binance whose books are built from their changes. */
  readonly deltaSymbols: ReadonlySet<string>;
  readonly onFrame: (exchange: Simulated, frame: string | Buffer) => void;
};

/** Nobody pings, and nobody is cut for his silence or his age. */
const NEVER = Number.POSITIVE_INFINITY;

export function openSimulatedSockets(options: SimulatedSocketsOptions): ReadonlyMap<string, ExchangeProtocol> {
  const { market, seed, instruments, deltaSymbols, onFrame } = options;
  const now = () => market.nowMs;
  const binance = new BinanceProtocol(
    market,
    new ExchangeGate('binance', now),
    { pingIntervalMs: NEVER, pongTimeoutMs: NEVER, maxAgeMs: NEVER, ackDelayMs: 0 },
    new Prng(seed),
  );
  const streams = EXCHANGE_ADAPTERS.binance
    .subscribeMessages(instruments('binance'), deltaSymbols)
    .flatMap(message => (JSON.parse(message) as { params: string[] }).params);
  binance.open(
    socketOf(frame => onFrame('binance', frame)),
    '/stream',
    new URLSearchParams({ streams: streams.join('/') }),
  );
  const protocols = new Map<string, ExchangeProtocol>([['binance', binance]]);
  for (const dialect of [upbitDialect, bithumbDialect]) {
    const { exchange } = dialect as { exchange: 'upbit' | 'bithumb' };
    const timings = { idleTimeoutMs: NEVER, snapshotDelayMs: 0, statusIntervalMs: NEVER, errorCloseMs: 0 };
    const protocol = new KoreanProtocol(dialect, market, new ExchangeGate(exchange, now), timings, new Prng(seed));
    const socket = socketOf(frame => onFrame(exchange, frame));
    protocol.open(socket);
    for (const message of EXCHANGE_ADAPTERS[exchange].subscribeMessages(instruments(exchange))) {
      socket.emit('message', Buffer.from(withoutSnapshots(message, dialect)));
    }
    protocols.set(exchange, protocol);
  }
  return protocols;
}

/** Snapshots would come when a timer says so; nothing waits here. */
function withoutSnapshots(message: string, { grammar }: KoreanDialect): string {
  const parts = JSON.parse(message) as { type?: string }[];
  return JSON.stringify(
    parts.map(part => (part.type === undefined ? part : { ...part, [grammar.onlyRealtime]: true })),
  );
}

/** As much of a socket as the exchanges use while all is well. */
function socketOf(onFrame: (frame: string | Buffer) => void): WebSocket {
  const socket = Object.assign(new EventEmitter(), { readyState: 1, OPEN: 1, bufferedAmount: 0, send: onFrame });
  return socket as unknown as WebSocket;
}
