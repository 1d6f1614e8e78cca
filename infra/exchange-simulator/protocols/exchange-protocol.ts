import type { WebSocket } from 'ws';
import type { InstrumentState } from '../market/instrument-state.ts';
import type { ExchangeName } from '../market/instruments.ts';
import type { Trade } from '../market/trade.ts';
import type { ExchangeSocket } from './exchange-socket.ts';

export type RestAnswer = { status: number; headers: Record<string, string>; body: string };

/** One client socket and what it asked for. */
export type Session = {
  readonly socket: ExchangeSocket;
  /** Subscriptions per channel, for the state report. */
  subscriptions(): Record<string, number>;
  /** Say that something is wrong in the exchange's own words, then close. */
  fail(name?: string): void;
};

/** How one exchange speaks. */
export type ExchangeProtocol = {
  readonly exchange: ExchangeName;
  /** Whether permessage-deflate is agreed to when a client offers it. */
  readonly compresses: boolean;
  readonly sessions: ReadonlySet<Session>;
  /** Whether a WebSocket may open here: null when it may, else the HTTP answer. */
  refuses(path: string, query: URLSearchParams): RestAnswer | null;
  open(socket: WebSocket, path: string, query: URLSearchParams): void;
  traded(state: InstrumentState, fills: readonly Trade[]): void;
  bookChanged(state: InstrumentState): void;
  /** Called on every tenth of a second of market time, in order. */
  flush(gridMs: number): void;
  /** Send every socket an event of a type nobody has heard of. */
  surprise?(): void;
  /** Answer a GET, or null when there is no such path. */
  rest(path: string, query: URLSearchParams): RestAnswer;
};

export function json(body: string, status = 200, headers: Record<string, string> = {}): RestAnswer {
  return { status, headers: { 'content-type': 'application/json;charset=UTF-8', ...headers }, body };
}
