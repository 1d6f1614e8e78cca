/**
 * The commands the gateway lets through: what the stream's Redis service, the edge's hub and health ask for, and nothing
 * that reads or empties the whole database, blocks, or sees into the server.
 */

import type { Command } from './gateway-store.ts';
import { type RegisteredScript, type ScriptLibrary, scriptSha } from './registered-script.ts';
import { ReplyError } from './reply.ts';

/** How many words a command takes, its name included; negative: at least so many. As in Redis's own table. */
export const ALLOWED_COMMANDS = {
  PING: -1,
  ECHO: 2,
  TIME: 1,
  DEL: -2,
  UNLINK: -2,
  EXISTS: -2,
  EXPIRE: -3,
  PEXPIRE: -3,
  TTL: 2,
  PTTL: 2,
  PERSIST: 2,
  TYPE: 2,
  GET: 2,
  SET: -3,
  MGET: -2,
  INCR: 2,
  INCRBY: 3,
  HSET: -4,
  HGET: 3,
  HMGET: -3,
  HGETALL: 2,
  HDEL: -3,
  HLEN: 2,
  HEXISTS: 3,
  XADD: -5,
  XRANGE: -4,
  XREVRANGE: -4,
  XLEN: 2,
  XTRIM: -4,
  XDEL: -3,
  PUBLISH: 3,
  EVAL: -3,
  EVALSHA: -3,
  SCRIPT: -2,
} as const satisfies Record<string, number>;

export type CommandName = keyof typeof ALLOWED_COMMANDS;

export function isAllowedCommand(name: string): name is CommandName {
  return Object.hasOwn(ALLOWED_COMMANDS, name);
}

/** What keeps a command from being run at all; `null` when the store may have it. */
export function refuseCommand(command: Command, scripts: ScriptLibrary): ReplyError | null {
  const name = (command[0] ?? '').toUpperCase();
  if (!isAllowedCommand(name)) return notAvailable(name);
  if (name === 'EVAL' && command.length > 1) return refuseScript(scripts.find(scriptSha(command[1]!)));
  if (name === 'EVALSHA' && command.length > 1) {
    return scripts.find(command[1]!) === undefined
      ? new ReplyError('NOSCRIPT No matching script. Please use EVAL.')
      : null;
  }
  if (name !== 'SCRIPT') return null;
  const subcommand = (command[1] ?? '').toUpperCase();
  if (subcommand === 'LOAD' && command.length === 3) return refuseScript(scripts.find(scriptSha(command[2]!)));
  return subcommand === 'LOAD' || subcommand === 'EXISTS' ? null : notAvailable(`SCRIPT ${subcommand}`.trim());
}

function refuseScript(script: RegisteredScript | undefined): ReplyError | null {
  return script === undefined ? new ReplyError('NOPERM this gateway runs registered scripts only') : null;
}

/** In Upstash's words, so that whoever meets them finds what they mean. */
function notAvailable(name: string): ReplyError {
  const page = 'https://upstash.com/docs/redis/overall/rediscompatibility';
  return new ReplyError(`ERR Command is not available: '${name}'. See ${page} for details`);
}

/** The error of Redis for a number of words it does not take; `null` when it fits. */
export function refuseArity(name: CommandName, words: number): ReplyError | null {
  const arity = ALLOWED_COMMANDS[name];
  return (arity >= 0 ? words === arity : words >= -arity) ? null : wrongArity(name);
}

export function wrongArity(name: string): ReplyError {
  return new ReplyError(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
}
