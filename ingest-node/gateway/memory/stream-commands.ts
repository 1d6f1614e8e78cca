import { wrongArity } from '../commands.ts';
import { type Reply, ReplyError } from '../reply.ts';
import { parseInteger } from './integers.ts';
import type { CommandTable } from './key-commands.ts';
import type { Keyspace } from './keyspace.ts';
import { entryReply, MemoryStream, type Trim } from './memory-stream.ts';
import {
  formatId,
  MIN_ID,
  parseId,
  parseRangeEnd,
  parseRequestedId,
  type RequestedId,
  type StreamId,
} from './stream-id.ts';

export const STREAM_COMMANDS = {
  XADD: addEntry,
  XTRIM: (keys, [name, ...options]) => {
    const { trim } = readOptions(options, 'XTRIM');
    const stream = streamOf(keys, name!);
    if (stream === undefined || trim === null) return 0;
    const removed = stream.trim(trim);
    keys.changed(name!);
    return removed;
  },
  XLEN: (keys, [name]) => streamOf(keys, name!)?.length ?? 0,
  XRANGE: (keys, [name, start, end, ...options]) => range(keys, name!, start!, end!, options, false),
  XREVRANGE: (keys, [name, end, start, ...options]) => range(keys, name!, start!, end!, options, true),
  XDEL: (keys, [name, ...ids]) => {
    const stream = streamOf(keys, name!);
    if (stream === undefined) return 0;
    const removed = ids.map(id => parseId(id)).filter(id => stream.delete(id)).length;
    keys.changed(name!);
    return removed;
  },
} as const satisfies CommandTable;

function streamOf(keys: Keyspace, name: string): MemoryStream | undefined {
  return keys.get(name, 'stream')?.stream;
}

function addEntry(keys: Keyspace, [name, ...words]: readonly string[]): Reply {
  const { trim, mayCreate, requested, next } = readOptions(words, 'XADD');
  const fields = words.slice(next);
  if (requested === null || fields.length === 0 || fields.length % 2 === 1) throw wrongArity('XADD');
  if (requested.kind === 'full' && requested.id === MIN_ID) {
    throw new ReplyError('ERR The ID specified in XADD must be greater than 0-0');
  }
  const present = streamOf(keys, name!);
  if (present === undefined && !mayCreate) return null;
  const stream = present ?? new MemoryStream();
  const id = stream.add(requested, fields, keys.now());
  if (trim !== null) stream.trim(trim);
  if (present === undefined) keys.set(name!, { type: 'stream', stream });
  else keys.changed(name!);
  return formatId(id);
}

/** Without `LIMIT` Redis takes away this many at most where a trim may be approximate. */
const APPROXIMATE_LIMIT = 10_000;

type StreamOptions = {
  readonly trim: Trim | null;
  readonly mayCreate: boolean;
  /** What XADD shall use as id; `null` when the words ended before one. */
  readonly requested: RequestedId | null;
  /** The first word after the options and the id. */
  readonly next: number;
};

/**
 * `[NOMKSTREAM] [MAXLEN|MINID [=|~] threshold [LIMIT count]] [id]`. Redis leaves up to a node's worth of entries where `~`
 * allows it; here such a trim is exact, which `~` allows, too.
 */
function readOptions(words: readonly string[], command: 'XADD' | 'XTRIM'): StreamOptions {
  let target: { maxLength: number } | { minId: StreamId } | null = null;
  let isApproximate = false;
  let limit: bigint | null = null;
  let mayCreate = true;
  let requested: RequestedId | null = null;
  let index = 0;
  for (; index < words.length && requested === null; index++) {
    const word = words[index]!;
    const option = word.toUpperCase();
    const hasMore = index + 1 < words.length;
    if ((option === 'MAXLEN' || option === 'MINID') && hasMore) {
      if (target !== null) throw syntaxError('MAXLEN and MINID options at the same time are not compatible');
      const mark = words[index + 1]!;
      const isMarked = (mark === '~' || mark === '=') && index + 2 < words.length;
      isApproximate = isMarked && mark === '~';
      index += isMarked ? 2 : 1;
      target =
        option === 'MAXLEN' ? { maxLength: readCount(words[index]!, option) } : { minId: parseId(words[index]!) };
    } else if (option === 'LIMIT' && hasMore) {
      limit = BigInt(readCount(words[++index]!, option));
    } else if (command === 'XADD' && option === 'NOMKSTREAM') {
      mayCreate = false;
    } else if (command === 'XADD') {
      requested = parseRequestedId(word);
    } else throw new ReplyError('ERR syntax error');
  }
  if (target === null && limit !== null && limit > 0n) {
    throw syntaxError('LIMIT cannot be used without specifying a trimming strategy');
  }
  if (target === null && command === 'XTRIM') throw syntaxError('XTRIM must be called with a trimming strategy');
  if (limit !== null && !isApproximate) throw syntaxError('LIMIT cannot be used without the special ~ option');
  const atMost = isApproximate ? Number(limit ?? APPROXIMATE_LIMIT) : 0;
  return { trim: target === null ? null : { ...target, limit: atMost }, mayCreate, requested, next: index };
}

function readCount(text: string, option: string): number {
  const count = parseInteger(text);
  if (count < 0n) throw new ReplyError(`ERR The ${option} argument must be >= 0.`);
  return Number(count);
}

function syntaxError(detail: string): ReplyError {
  return new ReplyError(`ERR syntax error, ${detail}`);
}

function range(
  keys: Keyspace,
  name: string,
  start: string,
  end: string,
  options: readonly string[],
  isReverse: boolean,
): Reply {
  const from = parseRangeEnd(start, 'start');
  const to = parseRangeEnd(end, 'end');
  const count = readRangeCount(options);
  const stream = streamOf(keys, name);
  if (stream === undefined) return [];
  if (count === 0) return null;
  return stream.range(from, to, count, isReverse).map(entryReply);
}

function readRangeCount(options: readonly string[]): number {
  let count = Number.POSITIVE_INFINITY;
  for (let index = 0; index < options.length; index += 2) {
    const text = options[index + 1];
    if (options[index]!.toUpperCase() !== 'COUNT' || text === undefined) throw new ReplyError('ERR syntax error');
    count = Math.max(0, Number(parseInteger(text)));
  }
  return count;
}
