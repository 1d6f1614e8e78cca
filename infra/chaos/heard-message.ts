import type { ServerMessage } from '../../shared/wire/messages.ts';

/** One message as a client received it, its parts put together. */
export type Heard = {
  /** Milliseconds of one clock for all observers. */
  readonly at: number;
  /** Which connection of the client it came by, from 0. */
  readonly connection: number;
  readonly message: ServerMessage;
};

/** Somebody who listened. */
export type Observer = { readonly name: string; readonly heard: readonly Heard[] };
