/**
 * What Redis answers to one command. Text is `string` from the memory store and raw bytes from a Redis, whose values may be
 * no UTF-8. Status replies (`OK`, `PONG`) are text, too: the REST protocol makes no difference.
 */
export type Reply = null | number | string | Buffer | ReplyError | readonly Reply[];

/** A command that failed; the message, always one line, begins with its code: `ERR`, `WRONGTYPE`, `NOSCRIPT`. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError';

  constructor(message: string) {
    super(message.replace(/[\r\n]/g, ' '));
  }
}

/** How the texts of an answer are written: as they are, or each in base64. */
export type ReplyEncoding = 'plain' | 'base64';

/** One command's answer as the REST protocol has it. */
export type RestAnswer = { readonly result: RestValue } | { readonly error: string };
type RestValue = null | number | string | readonly RestValue[];

export function restAnswer(reply: Reply, encoding: ReplyEncoding): RestAnswer {
  if (reply instanceof ReplyError) return { error: reply.message };
  // In base64 an `OK` stays what it is, but only as the whole answer: within a list the client decodes every text.
  if (encoding === 'base64' && isOk(reply)) return { result: 'OK' };
  return { result: restValue(reply, encoding) };
}

function restValue(reply: Reply, encoding: ReplyEncoding): RestValue {
  if (reply === null || typeof reply === 'number') return reply;
  if (Array.isArray(reply)) return reply.map(item => restValue(item, encoding));
  // An error within a list (a script may answer so) has no form of its own in the protocol.
  const text = reply instanceof ReplyError ? reply.message : (reply as string | Buffer);
  if (encoding === 'base64') return (typeof text === 'string' ? Buffer.from(text) : text).toString('base64');
  return typeof text === 'string' ? text : text.toString();
}

function isOk(reply: Reply): boolean {
  return reply === 'OK' || (Buffer.isBuffer(reply) && reply.length === 2 && reply.toString('latin1') === 'OK');
}

/** About how many bytes a reply takes, for bounds. */
export function replyBytes(reply: Reply): number {
  if (reply === null || typeof reply === 'number') return 8;
  if (typeof reply === 'string' || Buffer.isBuffer(reply)) return reply.length;
  if (reply instanceof ReplyError) return reply.message.length;
  return reply.reduce<number>((sum, item) => sum + replyBytes(item), 8);
}
