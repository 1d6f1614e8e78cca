/** Exchange sockets by the `ws` package: the only file that knows it. */
import type { IncomingMessage } from 'node:http';
import WebSocket, { type ClientOptions } from 'ws';
import { BLOCKED, MAX_BLOCK_BODY_BYTES } from './politeness.ts';
import type { Dial, SocketEnd, SocketListener } from './socket.ts';

export type WsSocketOptions = {
  /**
   * Offers permessage-deflate. It saves about three quarters of the traffic (Upbit, all order books: 2 MB/s) and costs
   * a decompression per frame in the thread pool: worth it where traffic is paid for.
   */
  readonly compression: boolean;
};

/** The largest frame we take, after decompression. The largest seen is some hundred KiB. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** The body of a refusal comes with it or not at all. */
const BODY_LIMIT_MS = 2_000;

export function createWsDial(options: WsSocketOptions): Dial {
  // No `origin`: Upbit allows a client with an Origin header one connection in ten seconds, and others five a second.
  // https://docs.upbit.com/kr/reference/rate-limits
  const clientOptions: ClientOptions = {
    perMessageDeflate: options.compression,
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    followRedirects: false,
    autoPong: false,
    // The adapters check the text themselves: one bad frame is rejected and counted, it does not cost the socket.
    skipUTF8Validation: true,
  };
  return (url, listener) => {
    const socket = new WebSocket(url, clientOptions);
    listen(socket, listener);
    return {
      send: text => {
        if (socket.readyState === WebSocket.OPEN) socket.send(text);
      },
      ping: payload => {
        if (socket.readyState === WebSocket.OPEN) socket.ping(payload);
      },
      pong: payload => {
        if (socket.readyState === WebSocket.OPEN) socket.pong(payload);
      },
      close: () => socket.close(1000),
      terminate: () => socket.terminate(),
    };
  };
}

function listen(socket: WebSocket, listener: SocketListener): void {
  // `ws` says what went wrong first and then closes: the first explanation is the one that counts.
  let failure: SocketEnd | null = null;
  socket.on('open', () => listener.onOpen());
  // With the default binary type every message, text too, is one Buffer.
  socket.on('message', data => listener.onFrame(data as Buffer));
  socket.on('ping', payload => listener.onPing(payload));
  socket.on('pong', payload => listener.onPong(payload));
  socket.on('unexpected-response', (_request, response: IncomingMessage) => {
    const { statusCode: status = 0, headers } = response;
    const refused = { kind: 'refused', status, retryAfter: headers['retry-after'] ?? null } as const;
    failure = refused;
    if (status !== BLOCKED) {
      socket.terminate();
      return;
    }
    readOpening(response, body => {
      failure = { ...refused, body };
      socket.terminate();
    });
  });
  socket.on('error', error => {
    failure ??= { kind: 'failed', code: codeOf(error), detail: messageOf(error) };
  });
  socket.on('close', (code, reason) => {
    listener.onEnd(failure ?? { kind: 'closed', code, reason: reason.toString('utf8') });
  });
}

/** Answers once, in the end, with what has come. */
function readOpening(response: IncomingMessage, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let isDone = false;
  const finish = () => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    done(Buffer.concat(chunks).toString('utf8', 0, MAX_BLOCK_BODY_BYTES));
  };
  const timer = setTimeout(finish, BODY_LIMIT_MS);
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size >= MAX_BLOCK_BODY_BYTES) finish();
  });
  for (const end of ['end', 'error', 'close']) response.on(end, finish);
}

/** Node packs the failures of several addresses of one name into one error without a message of its own. */
function messageOf(error: Error): string {
  if (error.message !== '') return error.message;
  return error instanceof AggregateError ? String(error.errors[0]?.message ?? '') : '';
}

function codeOf(error: Error): string | null {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : null;
}
