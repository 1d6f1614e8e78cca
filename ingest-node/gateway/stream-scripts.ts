/**
 * The scripts of the stream in a Redis and their twins: what `infrastructure/redis-scripts.ts` says in Lua stands here a
 * second time in TypeScript, in the same order, for the store that has no Lua. The differential test runs both in random
 * sequences and compares every answer and what is left in the keys: change one, and it asks for the other.
 */
import { STREAM_CHANNEL } from '../../shared/stream/redis/redis-layout.ts';
import { APPEND_SCRIPT, BEAT_SCRIPT, FENCE_SCRIPT, SNAPSHOT_SCRIPT } from '../infrastructure/redis-scripts.ts';
import { luaNumber } from './memory/lua-number.ts';
import { type RedisCall, type RegisteredScript, ScriptLibrary } from './registered-script.ts';
import { type Reply, ReplyError } from './reply.ts';

type Guarded = {
  readonly history: string;
  readonly snapshot: string;
  /** Id of the newest entry, empty when there is none. */
  readonly last: string;
  /** Where the snapshot stands; `null` when there is none that says so. */
  readonly shown: { readonly epoch: number; readonly offset: number } | null;
  discard(key: string, why: string): void;
  answer(verdict: string, detail: string): Reply;
};

/** `GUARD`: the part that all begin with. What it answers is the answer of a script that the fence stops. */
function guard(call: RedisCall, keys: readonly string[], args: readonly string[]): Guarded | Reply {
  const [fence, history, snapshot] = keys as [string, string, string];
  const writer = luaNumber(args[0]);
  const repaired: string[] = [];
  const discard = (key: string, why: string) => {
    call('DEL', key);
    repaired.push(`${key} held ${why}`);
  };
  const expect = (key: string, kind: string) => {
    const found = call('TYPE', key);
    if (found !== 'none' && found !== kind) discard(key, `a ${found}`);
  };
  expect(fence, 'string');
  expect(history, 'stream');
  expect(snapshot, 'hash');

  const text = call('GET', fence);
  const fenced = epochOf(text);
  if (text !== null && fenced === null) discard(fence, 'no number');
  let known = fenced ?? 0;

  let last = '';
  const [newest] = call('XREVRANGE', history, '+', '-', 'COUNT', 1) as [[string, readonly string[]]?];
  if (newest !== undefined) {
    const [id, fields] = newest;
    const by = fields[0] === 'writer' ? epochOf(fields[1]) : null;
    if (by !== null) {
      last = id;
      known = Math.max(known, by);
    } else discard(history, 'no batch');
  }
  known = Math.max(known, epochOf(call('HGET', snapshot, 'writer')) ?? 0);

  const [epoch, offset] = ['epoch', 'offset'].map(field => epochOf(call('HGET', snapshot, field))) as [
    number | null,
    number | null,
  ];
  const shown = epoch === null || offset === null ? null : { epoch, offset };
  const answer = (verdict: string, detail: string) => [verdict, detail, shown === null ? 1 : 0, ...repaired];
  if (writer === null) throw luaFault('attempt to compare nil with number');
  if (known > writer) return answer('fenced', String(known));
  if (fenced !== writer) call('SET', fence, args[0]!);
  return { history, snapshot, last, shown, discard, answer };
}

function epochOf(text: Reply | undefined): number | null {
  const number = typeof text === 'string' ? luaNumber(text) : null;
  return Number.isInteger(number) && number! >= 0 && number! < 1e15 ? number : null;
}

/** A script that Lua itself ends; what exactly Lua says, and in which line, nobody needs to know. */
function luaFault(what: string): ReplyError {
  return new ReplyError(`ERR user_script: ${what}`);
}

function isGuarded(guarded: Guarded | Reply): guarded is Guarded {
  return typeof guarded === 'object' && guarded !== null && 'answer' in guarded;
}

/** Makes a script of what follows its guard; `args` begin with the writer, as in Lua `ARGV` does. */
function guarded(
  name: string,
  source: string,
  write: (call: RedisCall, guard: Guarded, args: readonly string[]) => Reply,
): RegisteredScript {
  return {
    name,
    source,
    run(call, keys, args) {
      const outcome = guard(call, keys, args);
      return isGuarded(outcome) ? write(call, outcome, args) : outcome;
    },
  };
}

const fence = guarded('fence', FENCE_SCRIPT, (_, { answer, last }) => answer('done', last));

const append = guarded('append', APPEND_SCRIPT, (call, { history, last, shown, discard, answer }, args) => {
  const [writer, after, id, keep, forgetsSnapshot, replaces, isRepeated, ...messages] = args;
  if (replaces === '1') call('DEL', history);
  else if (last === id) return answer('done', last);
  else if (last !== after) return answer('moved', last);
  const keepFrom = forgetsSnapshot === '0' && shown !== null ? notAfter(keep, shown) : keep;
  const parts = messages.flatMap(message => ['part', message]);
  try {
    call('XADD', history, 'MINID', '=', keepFrom!, id!, 'writer', writer!, ...parts);
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error;
    if (!error.message.includes('equal or smaller')) return error;
    discard(history, 'a later id once');
    return answer('moved', '');
  }
  if (isRepeated === '0') for (const message of messages) call('PUBLISH', STREAM_CHANNEL, message);
  return answer('done', id!);
});

/** The first id to keep: not after the one that follows the snapshot. */
function notAfter(keep: string | undefined, shown: { readonly epoch: number; readonly offset: number }): string {
  const parts = /^(\d+)-(\d+)$/.exec(keep ?? '');
  if (parts === null) throw luaFault('attempt to compare number with nil');
  const [epoch, offset] = [Number(parts[1]), Number(parts[2])];
  const isBefore = shown.epoch < epoch || (shown.epoch === epoch && shown.offset + 1 < offset);
  return isBefore ? `${shown.epoch}-${shown.offset + 1}` : keep!;
}

const beat = guarded('beat', BEAT_SCRIPT, (call, { last, answer }, [, after, message]) => {
  if (last !== after) return answer('moved', last);
  call('PUBLISH', STREAM_CHANNEL, message!);
  return answer('done', last);
});

const snapshot = guarded('snapshot', SNAPSHOT_SCRIPT, (call, { snapshot: key, answer }, args) => {
  const [writer, epoch, offset, lineage, ...messages] = args;
  const head = ['writer', writer!, 'epoch', epoch!, 'offset', offset!, 'lineage', lineage!, 'parts', messages.length];
  const parts = messages.flatMap((message, index) => [index + 1, message]);
  call('DEL', key);
  call('HSET', key, ...head, ...parts);
  return answer('done', '');
});

export const STREAM_SCRIPTS = new ScriptLibrary([fence, append, beat, snapshot]);
