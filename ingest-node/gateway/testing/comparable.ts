import { isDeepStrictEqual } from 'node:util';
import type { Command } from '../gateway-store.ts';
import { type Reply, ReplyError } from '../reply.ts';

/** A reply as far as two stores have to agree on it: text is text, and the line of a script is Lua's business. */
export function comparable(command: Command, reply: Reply): unknown {
  const name = command[0]?.toUpperCase();
  const plain = plainReply(reply);
  // The time is in it.
  if (name === 'XADD' && command.some(word => word === '*') && typeof plain === 'string') return 'an id';
  return plain;
}

/** Whether two stores agree. A remaining time may fall into two seconds, on either side of a tick; one of aeons is no whole number here. */
export function isAlike(command: Command, ours: Reply, real: Reply): boolean {
  const isTime = command[0]?.toUpperCase() === 'TTL' && typeof ours === 'number' && typeof real === 'number';
  if (isTime && ours > 0 && real > 0) return Math.abs(ours - real) <= Math.max(1, real * 2 ** -50);
  return isDeepStrictEqual(comparable(command, ours), comparable(command, real));
}

function plainReply(reply: Reply): unknown {
  if (reply instanceof ReplyError) {
    const text = reply.message.replace(/user_script:.*? script:/s, 'a fault of Lua script:');
    return { error: text.replace(/(on @user_script)[:.].*$/s, '$1') };
  }
  if (Buffer.isBuffer(reply)) return reply.toString();
  return Array.isArray(reply) ? reply.map(plainReply) : reply;
}
