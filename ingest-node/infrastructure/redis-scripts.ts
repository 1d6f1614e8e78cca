/**
 * Every write is one script, so that nobody comes between the question who may write and the writing (rule FEN1). All
 * take the keys of the fence, the history and the snapshot, and the writer as first argument; all answer
 * `[verdict, detail, lacksSnapshot, repaired…]`: `done`, `moved` (the history does not end where the writer believed) or `fenced`.
 *
 * A key of ours that holds something else cannot be used by anybody, so the highest writer throws it away and says so
 * in `repaired`; what it held comes back from the writer's own log.
 */
import { STREAM_CHANNEL } from '../../shared/stream/redis/redis-layout.ts';

const GUARD = `
local fence, history, snapshot = KEYS[1], KEYS[2], KEYS[3]
local writer = tonumber(ARGV[1])
local repaired = {}
local function discard(key, why)
  redis.call('DEL', key)
  repaired[#repaired + 1] = key .. ' held ' .. why
end
local function expect(key, kind)
  local found = redis.call('TYPE', key)['ok']
  if found ~= 'none' and found ~= kind then discard(key, 'a ' .. found) end
end
local function epochOf(text)
  local number = tonumber(text or '')
  if number and number >= 0 and number < 1e15 and number == math.floor(number) then return number end
  return nil
end
expect(fence, 'string')
expect(history, 'stream')
expect(snapshot, 'hash')

local text = redis.call('GET', fence)
local fenced = text and epochOf(text)
if text and not fenced then discard(fence, 'no number') end
local known = fenced or 0

local last = ''
local newest = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
if newest then
  local by = newest[2][1] == 'writer' and epochOf(newest[2][2])
  if by then
    last = newest[1]
    known = math.max(known, by)
  else
    discard(history, 'no batch')
  end
end
known = math.max(known, epochOf(redis.call('HGET', snapshot, 'writer')) or 0)

local shown, upTo = epochOf(redis.call('HGET', snapshot, 'epoch')), epochOf(redis.call('HGET', snapshot, 'offset'))
local function answer(verdict, detail) return {verdict, detail, (shown and upTo) and 0 or 1, unpack(repaired)} end
if known > writer then return answer('fenced', string.format('%.0f', known)) end
if fenced ~= writer then redis.call('SET', fence, ARGV[1]) end
`;

/** Answers with the id of the newest entry, empty when there is none. */
export const FENCE_SCRIPT = `${GUARD}
return answer('done', last)`;

/**
 * `writer, after, id, keep, forgetsSnapshot, replaces, isRepeated, message…`; `after` and `id` as entry ids, `keep` the
 * first id to keep unless the snapshot is older: what follows it stays too.
 */
export const APPEND_SCRIPT = `${GUARD}
if ARGV[6] == '1' then
  redis.call('DEL', history)
elseif last == ARGV[3] then
  return answer('done', last)
elseif last ~= ARGV[2] then
  return answer('moved', last)
end
local keep = ARGV[4]
if ARGV[5] == '0' and shown and upTo then
  local epoch, offset = string.match(keep, '^(%d+)-(%d+)$')
  epoch, offset = tonumber(epoch), tonumber(offset)
  if shown < epoch or (shown == epoch and upTo + 1 < offset) then keep = string.format('%.0f-%.0f', shown, upTo + 1) end
end
local entry = {'XADD', history, 'MINID', '=', keep, ARGV[3], 'writer', ARGV[1]}
for index = 8, #ARGV do
  entry[#entry + 1] = 'part'
  entry[#entry + 1] = ARGV[index]
end
local added = redis.pcall(unpack(entry))
if type(added) == 'table' and added.err then
  if not string.find(added.err, 'equal or smaller', 1, true) then return added end
  discard(history, 'a later id once')
  return answer('moved', '')
end
if ARGV[7] == '0' then
  for index = 8, #ARGV do redis.call('PUBLISH', '${STREAM_CHANNEL}', ARGV[index]) end
end
return answer('done', ARGV[3])`;

/** `writer, after, message` */
export const BEAT_SCRIPT = `${GUARD}
if last ~= ARGV[2] then return answer('moved', last) end
redis.call('PUBLISH', '${STREAM_CHANNEL}', ARGV[3])
return answer('done', last)`;

/** `writer, epoch, offset, lineage, message…` */
export const SNAPSHOT_SCRIPT = `${GUARD}
local fields = {'writer', ARGV[1], 'epoch', ARGV[2], 'offset', ARGV[3], 'lineage', ARGV[4], 'parts', #ARGV - 4}
for index = 5, #ARGV do
  fields[#fields + 1] = index - 4
  fields[#fields + 1] = ARGV[index]
end
redis.call('DEL', snapshot)
redis.call('HSET', snapshot, unpack(fields))
return answer('done', '')`;
