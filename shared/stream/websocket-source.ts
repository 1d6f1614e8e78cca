import { type CloseVerdict, closeVerdict } from '../wire/close-codes.ts';
import { decodeMessage } from '../wire/json-codec.ts';
import { SERVER_PONG } from '../wire/messages.ts';
import { positionToQuery } from '../wire/position.ts';
import type { OpenStream, SourceSink, StreamRequest, StreamSource } from './source.ts';

/** What we use of the standard WebSocket, which browsers, Node and Workers all have. */
type Socket = {
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
  addEventListener(type: 'error', listener: (event: unknown) => void): void;
  close(code?: number, reason?: string): void;
};

export type WebSocketSourceOptions = {
  readonly name?: string;
  /** `ws:` or `wss:` address of an `/ws/exchange`; its query is kept. */
  readonly url: string;
  readonly connect?: (url: string) => Socket;
};

/** The stream over one server's WebSocket. */
export class WebSocketSource implements StreamSource {
  readonly name: string;
  readonly #url: string;
  readonly #connect: (url: string) => Socket;

  constructor({ name, url, connect = address => new WebSocket(address) as Socket }: WebSocketSourceOptions) {
    this.name = name ?? url;
    this.#url = url;
    this.#connect = connect;
  }

  open({ position, cut }: StreamRequest, sink: SourceSink): OpenStream {
    let isOpen = true;
    const end = (reason: string, verdict: CloseVerdict) => {
      if (!isOpen) return;
      isOpen = false;
      sink.closed(reason, verdict);
    };
    let socket: Socket;
    try {
      socket = this.#connect(addressOf(this.#url, { position, cut }));
    } catch (error) {
      queueMicrotask(() => end(`cannot connect: ${String(error)}`, 'reconnect'));
      return { close: () => end('closed by us', 'reconnect') };
    }
    socket.addEventListener('message', event => {
      if (!isOpen) return;
      if (event.data === SERVER_PONG) return;
      const decoded = decodeMessage(String(event.data));
      if (decoded.ok) sink.message(decoded.message);
      else if (decoded.reason === 'malformed') {
        socket.close();
        end(`malformed message: ${decoded.detail}`, 'reconnect');
      }
    });
    socket.addEventListener('close', event => {
      end(event.reason === '' ? `closed with code ${event.code}` : event.reason, closeVerdict(event.code));
    });
    // An error is always followed by a close, which says more.
    socket.addEventListener('error', () => {});
    return {
      close: () => {
        socket.close();
        end('closed by us', 'reconnect');
      },
    };
  }
}

function addressOf(url: string, { position, cut }: StreamRequest): string {
  const query: string[] = [];
  if (position !== null) query.push(positionToQuery(position));
  if (cut !== 'full') query.push(`cut=${cut}`);
  return query.length === 0 ? url : `${url}${url.includes('?') ? '&' : '?'}${query.join('&')}`;
}
