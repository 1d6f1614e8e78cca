import { wrongArity } from '../commands.ts';
import type { Reply } from '../reply.ts';
import type { CommandTable } from './key-commands.ts';
import type { Keyspace } from './keyspace.ts';

export const HASH_COMMANDS = {
  HSET: setFields,
  HGET: (keys, [name, field]) => fieldsOf(keys, name!)?.get(field!) ?? null,
  HMGET: (keys, [name, ...fields]) => {
    const present = fieldsOf(keys, name!);
    return fields.map(field => present?.get(field) ?? null);
  },
  HGETALL: (keys, [name]) => [...(fieldsOf(keys, name!) ?? [])].flat(),
  HDEL: (keys, [name, ...fields]) => {
    const present = fieldsOf(keys, name!);
    if (present === undefined) return 0;
    const removed = fields.filter(field => present.delete(field)).length;
    // A hash without fields is no key.
    if (present.size === 0) keys.delete(name!);
    else keys.changed(name!);
    return removed;
  },
  HLEN: (keys, [name]) => fieldsOf(keys, name!)?.size ?? 0,
  HEXISTS: (keys, [name, field]) => (fieldsOf(keys, name!)?.has(field!) ? 1 : 0),
} as const satisfies CommandTable;

function fieldsOf(keys: Keyspace, name: string): Map<string, string> | undefined {
  return keys.get(name, 'hash')?.fields;
}

function setFields(keys: Keyspace, [name, ...pairs]: readonly string[]): Reply {
  if (pairs.length % 2 === 1) throw wrongArity('HSET');
  const present = fieldsOf(keys, name!);
  const fields = present ?? new Map<string, string>();
  const sizeBefore = fields.size;
  for (let index = 0; index < pairs.length; index += 2) fields.set(pairs[index]!, pairs[index + 1]!);
  if (present === undefined) keys.set(name!, { type: 'hash', fields });
  else keys.changed(name!);
  return fields.size - sizeBefore;
}
