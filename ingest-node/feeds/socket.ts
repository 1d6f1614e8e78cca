/**
 * What a feed needs from a WebSocket, and no more. `ws-socket.ts` is the real one; tests bring their own.
 *
 * The promises of an implementation: `onOpen` at most once; `onEnd` exactly once and last, whoever ended it and also
 * when the socket never opened; nothing is called back before `dial` has returned.
 */
export type Socket = {
  /** Sends a text frame. Without effect on a socket that is not open. */
  send(text: string): void;
  /** Sends a control ping, whose payload comes back with the pong. Without effect on a socket that is not open. */
  ping(payload: string): void;
  /** Answers a ping with its payload. Without effect on a socket that is not open. */
  pong(payload: Uint8Array): void;
  /** Asks the other side to close. It may never answer: whoever calls this also sets a limit and then terminates. */
  close(): void;
  /** Ends the connection at once, without asking: the only way out of a half-open one. */
  terminate(): void;
};

export type SocketListener = {
  onOpen(): void;
  /** One whole message, text or binary. The bytes are valid during the call only: copy what must stay. */
  onFrame(bytes: Uint8Array): void;
  /** A control ping came in. Nobody has answered it: exchanges count pongs among our messages, so its owner paces them. */
  onPing(payload: Uint8Array): void;
  /** A control pong came in, with the payload of our ping. */
  onPong(payload: Uint8Array): void;
  onEnd(end: SocketEnd): void;
};

/** How a connection ended. */
export type SocketEnd =
  /** By a close frame, or without one (code 1006). */
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }
  /** The upgrade was answered by something else than 101. */
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly retryAfter: string | null;
      /** The opening of a 418's body, which may say for how long; of others it is not read. */
      readonly body?: string;
    }
  /** It could not be made, or broke: `code` is the system's (`ENOTFOUND`) where there is one. */
  | { readonly kind: 'failed'; readonly code: string | null; readonly detail: string };

export type Dial = (url: string, listener: SocketListener) => Socket;
