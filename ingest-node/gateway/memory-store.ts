import type { Clock } from '../../shared/base/clock.ts';
import { type CommandName, isAllowedCommand, refuseArity, wrongArity } from './commands.ts';
import type { Command, GatewayStore, StoreHealth, Subscriber, SubscriptionKind } from './gateway-store.ts';
import { HASH_COMMANDS } from './memory/hash-commands.ts';
import { parseInteger } from './memory/integers.ts';
import { type CommandTable, KEY_COMMANDS, type MemoryCommand, STRING_COMMANDS } from './memory/key-commands.ts';
import { Keyspace } from './memory/keyspace.ts';
import { MessageBoard } from './memory/message-board.ts';
import { STREAM_COMMANDS } from './memory/stream-commands.ts';
import { type RegisteredScript, type ScriptLibrary, scriptSha } from './registered-script.ts';
import { type Reply, ReplyError } from './reply.ts';

const DATA_COMMANDS: CommandTable = { ...KEY_COMMANDS, ...STRING_COMMANDS, ...HASH_COMMANDS, ...STREAM_COMMANDS };

/** Commands that are refused once the memory is used up. */
const GROWING: ReadonlySet<CommandName> = new Set(['SET', 'INCR', 'INCRBY', 'HSET', 'XADD']);

export type MemoryStoreOptions = {
  readonly clock: Clock;
  readonly scripts: ScriptLibrary;
  /** About how much the values may take; beyond it what would add more is refused, as by a Redis with `noeviction`. */
  readonly maxBytes?: number;
};

const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;

/**
 * A Redis in this process, for a node that has none: the allowed commands, faithful in their answers, errors included. What it
 * holds is gone with the process.
 */
export class MemoryStore implements GatewayStore {
  readonly health: StoreHealth;
  readonly #clock: Clock;
  readonly #keys: Keyspace;
  readonly #board = new MessageBoard();
  readonly #scripts: ScriptLibrary;
  readonly #maxBytes: number;
  /** Messages on their way: delivered when the command or script that sent them is done. */
  readonly #outgoing: (() => void)[] = [];
  #isDelivering = false;

  constructor({ clock, scripts, maxBytes = DEFAULT_MAX_BYTES }: MemoryStoreOptions) {
    this.health = { fault: null, since: clock.now(), latencyMs: null };
    this.#clock = clock;
    this.#keys = new Keyspace(clock);
    this.#scripts = scripts;
    this.#maxBytes = maxBytes;
  }

  /** Runs one command; a failure is the reply. */
  execute(command: Command): Reply {
    const reply = this.#attempt(command);
    this.#deliver();
    return reply;
  }

  async run(commands: readonly Command[]): Promise<readonly Reply[]> {
    return commands.map(command => this.execute(command));
  }

  async transact(commands: readonly Command[]): Promise<readonly Reply[] | ReplyError> {
    if (commands.some(command => unknownOrWrong(command) !== null)) {
      return new ReplyError('EXECABORT Transaction discarded because of previous errors.');
    }
    const replies = commands.map(command => this.#attempt(command));
    this.#deliver();
    return replies;
  }

  /** As {@link subscribe}, at once. */
  listen(kind: SubscriptionKind, name: string, subscriber: Subscriber): () => void {
    return this.#board.subscribe(kind, name, subscriber);
  }

  async subscribe(kind: SubscriptionKind, name: string, subscriber: Subscriber): Promise<() => void> {
    return this.listen(kind, name, subscriber);
  }

  /** Subscriptions that there are. */
  get subscribers(): number {
    return this.#board.size;
  }

  async close(): Promise<void> {
    this.#board.close();
  }

  #attempt(command: Command): Reply {
    try {
      return this.#call(command);
    } catch (error) {
      if (error instanceof ReplyError) return error;
      throw error;
    }
  }

  /** `redis.call`: throws what a client would get as an error. */
  #call(command: Command): Reply {
    const refusal = unknownOrWrong(command);
    if (refusal !== null) throw refusal;
    const name = command[0]!.toUpperCase() as CommandName;
    const args = command.slice(1);
    if (GROWING.has(name)) this.#refuseWhenFull();
    const dataCommand: MemoryCommand | undefined = DATA_COMMANDS[name];
    if (dataCommand !== undefined) return dataCommand(this.#keys, args);
    switch (name) {
      case 'PING':
        if (args.length > 1) throw wrongArity(name);
        return args[0] ?? 'PONG';
      case 'ECHO':
        return args[0]!;
      case 'TIME':
        return secondsAndMicroseconds(this.#clock.now());
      case 'PUBLISH':
        return this.#publish(args[0]!, args[1]!);
      case 'EVAL':
        return this.#runScript(this.#scripts.find(scriptSha(args[0]!)), args.slice(1));
      case 'EVALSHA':
        return this.#runScript(this.#scripts.find(args[0]!), args.slice(1));
      case 'SCRIPT':
        return this.#script(args);
      default:
        throw new Error(`${name} is allowed, and the memory store does not know it`);
    }
  }

  #publish(channel: string, payload: string): number {
    const listeners = this.#board.listeners(channel);
    for (const listener of listeners) this.#outgoing.push(() => listener.onMessage(channel, payload));
    return listeners.length;
  }

  /** In the order of publishing for everyone, also when somebody publishes while hearing a message. */
  #deliver(): void {
    if (this.#isDelivering || this.#outgoing.length === 0) return;
    this.#isDelivering = true;
    try {
      // The list may grow meanwhile.
      for (let index = 0; index < this.#outgoing.length; index++) this.#outgoing[index]!();
    } finally {
      this.#outgoing.length = 0;
      this.#isDelivering = false;
    }
  }

  #script([subcommand, ...args]: readonly string[]): Reply {
    if (subcommand!.toUpperCase() === 'EXISTS' && args.length > 0) {
      return args.map(sha => (this.#scripts.find(sha) === undefined ? 0 : 1));
    }
    if (subcommand!.toUpperCase() === 'LOAD' && args.length === 1) return scriptSha(args[0]!);
    throw new ReplyError(`ERR wrong number of arguments for 'script|${subcommand!.toLowerCase()}' command`);
  }

  #runScript(script: RegisteredScript | undefined, [keyCount, ...rest]: readonly string[]): Reply {
    if (script === undefined) throw new ReplyError('NOSCRIPT No matching script. Please use EVAL.');
    const count = Number(parseInteger(keyCount!));
    if (count > rest.length) throw new ReplyError("ERR Number of keys can't be greater than number of args");
    if (count < 0) throw new ReplyError("ERR Number of keys can't be negative");
    const call = (...words: readonly (string | number)[]) => {
      // A key or an argument that the caller left out: Lua's `nil`.
      if (words.includes(undefined as never)) {
        throw new ReplyError('ERR Lua redis lib command arguments must be strings or integers');
      }
      return this.#call(words.map(String));
    };
    try {
      return script.run(call, rest.slice(0, count), rest.slice(count));
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
      throw new ReplyError(`${error.message} script: ${scriptSha(script.source)}, on @user_script.`);
    }
  }

  #refuseWhenFull(): void {
    if (this.#keys.usedBytes <= this.#maxBytes) return;
    this.#keys.sweep();
    if (this.#keys.usedBytes <= this.#maxBytes) return;
    throw new ReplyError("OOM command not allowed when used memory > 'maxmemory'.");
  }
}

function unknownOrWrong(command: Command): ReplyError | null {
  const name = (command[0] ?? '').toUpperCase();
  if (!isAllowedCommand(name)) return new ReplyError(`ERR unknown command '${command[0] ?? ''}'`);
  return refuseArity(name, command.length);
}

function secondsAndMicroseconds(epochMs: number): Reply {
  const microseconds = Math.trunc(epochMs * 1000);
  return [String(Math.trunc(microseconds / 1_000_000)), String(microseconds % 1_000_000)];
}
