import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { InstrumentState } from '../market/instrument-state.ts';
import type { CoinoneFormat } from './coinone-frames.ts';
import type { CoinoneProtocol } from './coinone-protocol.ts';
import { type CoinoneChannel, errorFrame, readCoinoneRequest } from './coinone-request.ts';
import type { Session } from './exchange-protocol.ts';
import { ExchangeSocket } from './exchange-socket.ts';

/** One channel of one market on one socket. */
export type CoinoneSubscription = {
  readonly session: CoinoneSession;
  readonly state: InstrumentState;
  readonly channel: CoinoneChannel;
  readonly format: CoinoneFormat;
};

const ERROR_CLOSE_MS = 150;

/** One socket at Coinone. */
export class CoinoneSession implements Session {
  readonly socket: ExchangeSocket;
  readonly #protocol: CoinoneProtocol;
  readonly #subscriptions = new Map<string, CoinoneSubscription>();
  #isUsed = false;
  #pingedMs: number;

  constructor(socket: WebSocket, protocol: CoinoneProtocol, onClosed: () => void) {
    this.#protocol = protocol;
    this.socket = new ExchangeSocket(socket, protocol.gate, {
      message: text => this.#receive(text),
      ping: () => undefined,
      pong: () => undefined,
      closed: () => {
        for (const subscription of this.#subscriptions.values()) protocol.remove(subscription);
        onClosed();
      },
    });
    this.#pingedMs = this.socket.openedMs;
    this.socket.send(`{"response_type":"CONNECTED","data":{"session_id":"${randomUUID()}"}}`);
  }

  subscriptions(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { channel } of this.#subscriptions.values()) counts[channel] = (counts[channel] ?? 0) + 1;
    return counts;
  }

  fail(): void {
    this.socket.send(errorFrame(160010));
    this.socket.after(ERROR_CLOSE_MS, () => this.socket.close(1000));
  }

  /** Cut a socket that never asked for anything, or whose last PING is too long ago. */
  checkLife(): void {
    const { gate, timings } = this.#protocol;
    const limitMs = this.#isUsed ? timings.pingTimeoutMs : timings.unusedTimeoutMs;
    if (gate.now() - this.#pingedMs >= limitMs) this.socket.close(1000);
  }

  #receive(text: string): void {
    this.#isUsed = true;
    const request = readCoinoneRequest(text);
    if (request.kind === 'error') {
      this.socket.send(request.frame);
      return;
    }
    if (request.kind === 'ping') {
      this.#pingedMs = this.#protocol.gate.now();
      this.socket.send('{"response_type":"PONG"}');
      return;
    }
    const { kind, channel, quote, target, format } = request;
    const fault = kind === 'subscribe' ? this.#protocol.gate.subscribeFaults.take([`${quote}-${target}`]) : null;
    if (fault === 'refuse') this.socket.send(errorFrame(160010));
    if (fault !== null) return;
    const topic = `{"quote_currency":${JSON.stringify(quote)},"target_currency":${JSON.stringify(target)}}`;
    const type = kind === 'subscribe' ? 'SUBSCRIBED' : 'UNSUBSCRIBED';
    this.socket.send(`{"response_type":"${type}","channel":"${channel}","data":${topic}}`);
    // A market that is not there is acknowledged all the same, and the error does not name it.
    const state = this.#protocol.market.find('coinone', `${quote}-${target}`);
    if (state === undefined) this.socket.send(errorFrame(160012));
    else if (kind === 'subscribe') this.#add({ session: this, state, channel, format });
    else this.#remove(`${channel} ${state.instrument.nativeCode}`);
  }

  #add(subscription: CoinoneSubscription): void {
    const key = `${subscription.channel} ${subscription.state.instrument.nativeCode}`;
    this.#remove(key);
    this.#subscriptions.set(key, subscription);
    this.#protocol.add(subscription);
    if (subscription.channel === 'ORDERBOOK') this.socket.send(this.#protocol.firstBook(subscription));
  }

  #remove(key: string): void {
    const subscription = this.#subscriptions.get(key);
    if (subscription === undefined) return;
    this.#subscriptions.delete(key);
    this.#protocol.remove(subscription);
  }
}
