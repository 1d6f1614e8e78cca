import { Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../../shared/base/clock.ts';
import {
  type Command,
  type GatewayStore,
  type StoreHealth,
  StoreUnreachable,
  type Subscriber,
  type SubscriptionKind,
} from './gateway-store.ts';
import { LinkHealth } from './link-health.ts';
import { LinkWatch } from './link-watch.ts';
import { type Reply, ReplyError } from './reply.ts';

export type RedisStoreOptions = {
  /** `redis://` or `rediss://`, with user and password if it asks for them. */
  readonly url: string;
  readonly clock: Clock;
  /** What to say about the connection, for the log; each state once. */
  readonly onConnection: (isReachable: boolean, reason: string | null) => void;
};

/** An outage is answered within a second, not waited out: nothing is queued, and nothing sent twice. */
const CONNECTION = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  commandTimeout: 1000,
  connectTimeout: 2000,
  // How long an end may take to be answered by a server that answers nothing.
  disconnectTimeout: 100,
  retryStrategy: (attempt: number) => Math.min(100 * 2 ** Math.min(attempt, 5), 2000),
} as const satisfies RedisOptions;

type Audience = { readonly opened: Promise<void>; readonly subscribers: Set<Subscriber> };

/**
 * A Redis over TCP: one connection for commands, one for all subscriptions, since a Redis connection that subscribes does
 * nothing else. When the second breaks, messages were missed: every subscription is lost.
 */
export class RedisStore implements GatewayStore {
  readonly #commands: Redis;
  readonly #messages: Redis;
  readonly #audiences = { channel: new Map<string, Audience>(), pattern: new Map<string, Audience>() };
  readonly #health: LinkHealth;
  readonly #watches: readonly LinkWatch[];

  constructor({ url, clock, onConnection }: RedisStoreOptions) {
    this.#health = new LinkHealth(['commands', 'messages'], { clock, onChange: onConnection });
    this.#commands = new Redis(url, CONNECTION);
    this.#messages = new Redis(url, CONNECTION);
    this.#watches = [this.#watch('commands', this.#commands, clock), this.#watch('messages', this.#messages, clock)];
    this.#messages.on('close', () => this.#loseAll());
    this.#messages.on('messageBuffer', (channel: Buffer, payload: Buffer) => {
      this.#deliver('channel', channel, channel, payload);
    });
    this.#messages.on('pmessageBuffer', (pattern: Buffer | string, channel: Buffer, payload: Buffer) => {
      this.#deliver('pattern', pattern, channel, payload);
    });
  }

  get health(): StoreHealth {
    return this.#health.health;
  }

  async run(commands: readonly Command[]): Promise<readonly Reply[]> {
    return Promise.all(commands.map(command => this.#send(command)));
  }

  async transact(commands: readonly Command[]): Promise<readonly Reply[] | ReplyError> {
    // Written in one go on one connection: nothing else of ours comes in between.
    const replies = await this.run([['MULTI'], ...commands, ['EXEC']]);
    const outcome = replies.at(-1)!;
    return outcome instanceof ReplyError ? outcome : (outcome as readonly Reply[]);
  }

  async subscribe(kind: SubscriptionKind, name: string, subscriber: Subscriber): Promise<() => void> {
    const audiences = this.#audiences[kind];
    const audience = audiences.get(name) ?? { opened: this.#open(kind, name), subscribers: new Set<Subscriber>() };
    audiences.set(name, audience);
    // Already one of its audience, so that nobody else's leaving closes it meanwhile; it hears nothing before it is told so.
    let isOpen = false;
    const member: Subscriber = {
      onMessage: (channel, payload) => {
        if (isOpen) subscriber.onMessage(channel, payload);
      },
      onLost: () => {
        if (isOpen) subscriber.onLost();
        isOpen = false;
      },
    };
    audience.subscribers.add(member);
    const leave = () => {
      isOpen = false;
      audience.subscribers.delete(member);
      if (audience.subscribers.size > 0 || audiences.get(name) !== audience) return;
      audiences.delete(name);
      this.#messages.call(kind === 'channel' ? 'unsubscribe' : 'punsubscribe', name).catch(() => {});
    };
    try {
      await audience.opened;
    } catch (error) {
      leave();
      throw unreachable(error);
    }
    if (audiences.get(name) !== audience) throw new StoreUnreachable('the connection broke');
    isOpen = true;
    return leave;
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.stop();
    this.#loseAll();
    this.#commands.disconnect();
    this.#messages.disconnect();
  }

  async #send([name, ...args]: Command): Promise<Reply> {
    try {
      // The client reshapes replies of commands it knows, and it knows them in lower case.
      return toReply(await this.#commands.callBuffer((name ?? '').toUpperCase(), ...args));
    } catch (error) {
      if (isRedisError(error)) return new ReplyError(error.message);
      throw unreachable(error);
    }
  }

  async #open(kind: SubscriptionKind, name: string): Promise<void> {
    if (kind === 'channel') await this.#messages.subscribe(name);
    else await this.#messages.psubscribe(name);
  }

  #deliver(kind: SubscriptionKind, name: Buffer | string, channel: Buffer, payload: Buffer): void {
    const audience = this.#audiences[kind].get(name.toString());
    for (const subscriber of audience?.subscribers ?? []) subscriber.onMessage(channel, payload);
  }

  #loseAll(): void {
    for (const audiences of [this.#audiences.channel, this.#audiences.pattern]) {
      const lost = [...audiences.values()].flatMap(audience => [...audience.subscribers]);
      audiences.clear();
      for (const subscriber of lost) subscriber.onLost();
    }
  }

  #watch(link: 'commands' | 'messages', redis: Redis, clock: Clock): LinkWatch {
    let lastError: string | null = null;
    redis.on('ready', () => this.#health.note(link, null));
    redis.on('error', (error: Error) => {
      lastError = faultOf(error);
      this.#health.note(link, lastError);
    });
    redis.on('close', () => this.#health.note(link, lastError ?? 'the connection broke'));
    return new LinkWatch({
      clock,
      ping: () => redis.ping(),
      redial: () => redis.disconnect(true),
      onAnswer: (fault, latencyMs) => {
        if (fault === null) lastError = null;
        // What the client says of a connection that is not there is less than what broke it.
        const told = redis.status === 'ready' ? fault : (lastError ?? fault);
        if (link === 'commands' && told === null) this.#health.note(link, null, latencyMs);
        else this.#health.note(link, told);
      },
    });
  }
}

function toReply(value: unknown): Reply {
  if (value === null || typeof value === 'number' || typeof value === 'string' || Buffer.isBuffer(value)) return value;
  if (Array.isArray(value)) return value.map(toReply);
  if (value instanceof Error) return new ReplyError(value.message);
  return String(value);
}

/** An error that Redis itself answered, as against one of the connection. */
function isRedisError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/** A refused connection says why in its code alone. */
function faultOf(error: Error): string {
  return error.message === '' ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message;
}

function unreachable(error: unknown): StoreUnreachable {
  return new StoreUnreachable(error instanceof Error ? error.message : String(error), { cause: error });
}
