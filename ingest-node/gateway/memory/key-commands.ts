import type { CommandName } from '../commands.ts';
import { type Reply, ReplyError } from '../reply.ts';
import { expiryTime, isInt64, parseInteger } from './integers.ts';
import type { Keyspace } from './keyspace.ts';

/** One command on the keys: `args` are the words after its name, as many as it takes. Throws `ReplyError`. */
export type MemoryCommand = (keys: Keyspace, args: readonly string[]) => Reply;
export type CommandTable = Partial<Record<CommandName, MemoryCommand>>;

/** Commands on keys of any type. */
export const KEY_COMMANDS = {
  DEL: (keys, names) => names.filter(name => keys.delete(name)).length,
  UNLINK: (keys, names) => names.filter(name => keys.delete(name)).length,
  EXISTS: (keys, names) => names.filter(name => keys.has(name)).length,
  TYPE: (keys, [name]) => keys.typeOf(name!),
  EXPIRE: (keys, args) => expire(keys, args, 1000, 'expire'),
  PEXPIRE: (keys, args) => expire(keys, args, 1, 'pexpire'),
  TTL: (keys, [name]) => remaining(keys, name!, 1000),
  PTTL: (keys, [name]) => remaining(keys, name!, 1),
  PERSIST: (keys, [name]) => {
    if (keys.expiryOf(name!) === null) return 0;
    keys.setExpiry(name!, null);
    return 1;
  },
} as const satisfies CommandTable;

function expire(
  keys: Keyspace,
  [name, amount, ...options]: readonly string[],
  unitMs: 1 | 1000,
  command: string,
): Reply {
  const conditions = readConditions(options);
  const expiresAt = expiryTime(parseInteger(amount!), unitMs, keys.now(), command);
  if (!keys.has(name!)) return 0;
  const current = keys.expiryOf(name!);
  if (conditions.has('NX') && current !== null) return 0;
  if (conditions.has('XX') && current === null) return 0;
  // A key that stays counts as one that expires at the end of time.
  if (conditions.has('GT') && (current === null || expiresAt <= current)) return 0;
  if (conditions.has('LT') && current !== null && expiresAt >= current) return 0;
  if (expiresAt <= keys.now()) keys.delete(name!);
  else keys.setExpiry(name!, expiresAt);
  return 1;
}

function readConditions(options: readonly string[]): ReadonlySet<string> {
  const conditions = new Set(options.map(option => option.toUpperCase()));
  const unknown = options.find(option => !['NX', 'XX', 'GT', 'LT'].includes(option.toUpperCase()));
  if (unknown !== undefined) throw new ReplyError(`ERR Unsupported option ${unknown}`);
  if (conditions.has('NX') && conditions.size > 1) {
    throw new ReplyError('ERR NX and XX, GT or LT options at the same time are not compatible');
  }
  if (conditions.has('GT') && conditions.has('LT')) {
    throw new ReplyError('ERR GT and LT options at the same time are not compatible');
  }
  return conditions;
}

/** -2: no such key, -1: it stays. */
function remaining(keys: Keyspace, name: string, unitMs: 1 | 1000): number {
  if (!keys.has(name)) return -2;
  const expiresAt = keys.expiryOf(name);
  if (expiresAt === null) return -1;
  const milliseconds = Math.trunc(expiresAt - keys.now());
  return unitMs === 1 ? milliseconds : Math.floor((milliseconds + 500) / 1000);
}

/** Commands on text. */
export const STRING_COMMANDS = {
  GET: (keys, [name]) => keys.get(name!, 'string')?.text ?? null,
  MGET: (keys, names) => names.map(name => (keys.typeOf(name) === 'string' ? keys.get(name, 'string')!.text : null)),
  SET: setText,
  INCR: (keys, [name]) => increment(keys, name!, 1n),
  INCRBY: (keys, [name, amount]) => increment(keys, name!, parseInteger(amount!)),
} as const satisfies CommandTable;

function increment(keys: Keyspace, name: string, amount: bigint): Reply {
  const sum = parseInteger(keys.get(name, 'string')?.text ?? '0') + amount;
  if (!isInt64(sum)) throw new ReplyError('ERR increment or decrement would overflow');
  keys.set(name, { type: 'string', text: String(sum) }, true);
  return Number(sum);
}

const syntaxError = () => new ReplyError('ERR syntax error');

function setText(keys: Keyspace, [name, text, ...options]: readonly string[]): Reply {
  const { expiry, condition, returnsOld, keepsExpiry } = readSetOptions(options);
  const expiresAt = expiry === null ? null : setExpiryTime(expiry, keys.now());
  const old = returnsOld ? (keys.get(name!, 'string')?.text ?? null) : null;
  const isRefused = condition === null ? false : keys.has(name!) === (condition === 'NX');
  if (isRefused) return old;
  keys.set(name!, { type: 'string', text: text! }, keepsExpiry);
  if (expiresAt !== null) keys.setExpiry(name!, expiresAt);
  return returnsOld ? old : 'OK';
}

type SetExpiry = { readonly unit: 'EX' | 'PX' | 'EXAT' | 'PXAT'; readonly amount: string };
type SetOptions = {
  expiry: SetExpiry | null;
  condition: 'NX' | 'XX' | null;
  returnsOld: boolean;
  keepsExpiry: boolean;
};

function readSetOptions(options: readonly string[]): SetOptions {
  const read: SetOptions = { expiry: null, condition: null, returnsOld: false, keepsExpiry: false };
  for (let index = 0; index < options.length; index++) {
    const option = options[index]!.toUpperCase();
    if (option === 'NX' || option === 'XX') {
      if (read.condition !== null && read.condition !== option) throw syntaxError();
      read.condition = option;
    } else if (option === 'GET') {
      read.returnsOld = true;
    } else if (option === 'KEEPTTL' && read.expiry === null) {
      read.keepsExpiry = true;
    } else if (option === 'EX' || option === 'PX' || option === 'EXAT' || option === 'PXAT') {
      const amount = options[++index];
      const isAnother = read.expiry !== null && read.expiry.unit !== option;
      if (amount === undefined || read.keepsExpiry || isAnother) throw syntaxError();
      read.expiry = { unit: option, amount };
    } else throw syntaxError();
  }
  return read;
}

function setExpiryTime({ unit, amount }: SetExpiry, now: number): number {
  const number = parseInteger(amount);
  if (number <= 0n) throw new ReplyError("ERR invalid expire time in 'set' command");
  return expiryTime(number, unit.startsWith('EX') ? 1000 : 1, unit.endsWith('AT') ? 0 : now, 'set');
}
