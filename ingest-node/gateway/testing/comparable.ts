import type { Command } from '../gateway-store.ts';
import { type Reply, ReplyError } from '../reply.ts';

/** A reply as far as two stores have to agree on it: text is text, and the line of a script is Lua's business. */
export function comparable(command: Command, reply: Reply): unknown {
  const name = command[0]?.toUpperCase();
  const plain = plainReply(reply);
  // A remaining time may fall into two seconds, on either side of a tick.
  if (name === 'TTL' && typeof plain === 'number' && plain > 0) return Math.round(plain / 100);
  // The time is in it.
  if (name === 'XADD' && command.some(word => word === '*') && typeof plain === 'string') return 'an id';
  return plain;
}

function plainReply(reply: Reply): unknown {
  if (reply instanceof ReplyError) {
    const text = reply.message.replace(/user_script:.*? script:/s, 'a fault of Lua script:');
    return { error: text.replace(/(on @user_script)[:.].*$/s, '$1') };
  }
  if (Buffer.isBuffer(reply)) return reply.toString();
  return Array.isArray(reply) ? reply.map(plainReply) : reply;
}
