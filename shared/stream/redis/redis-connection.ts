/**
 * What we ask of a Redis, whichever way it is reached: over TCP or over the Upstash REST protocol. Everything above this
 * port is written once; each vendor's client is known to one file below it.
 *
 * Promises: a command is answered or rejected within its deadline and never sent twice; nothing is queued while there is
 * no connection; a subscription that its client knows to be dead says `closed` once (over REST it may simply fall silent,
 * which is for the reader to notice, rule HB1).
 */
export type RedisConnection = {
  /** For people, without credentials: `redis 127.0.0.1:6379`. */
  readonly name: string;
  command(...words: readonly (string | number)[]): Promise<RedisReply>;
  subscribe(channel: string, sink: SubscriptionSink): RedisSubscription;
  stop(): Promise<void>;
};

export type RedisReply = string | number | null | readonly RedisReply[];

export type SubscriptionSink = {
  /** From here on nothing that is published is missed. */
  ready(): void;
  message(text: string): void;
  closed(reason: string): void;
};

/** `close` ends it without a word to its sink. */
export type RedisSubscription = { close(): void };

/** Redis was reached and said no: wrong credentials, out of memory, loading. Anything else that rejects is silence. */
export class RedisRefusal extends Error {
  constructor(message: string) {
    // A client may quote the whole command, which is a whole batch.
    super(message.split(', command was:')[0]!.slice(0, 200));
    this.name = 'RedisRefusal';
  }
}
