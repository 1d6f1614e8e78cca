import type { RegisteredScript } from '../registered-script.ts';
import { type Reply, ReplyError } from '../reply.ts';

/** Every way a script can answer, chosen by its first argument; the keys are a text and a stream. */
export const SAMPLE_SCRIPT: RegisteredScript = {
  name: 'sample',
  source: `
local how = ARGV[1]
if how == 'number' then return 7.9 end
if how == 'status' then return redis.status_reply('FINE') end
if how == 'error' then return redis.error_reply('FENCED by ' .. ARGV[2]) end
if how == 'nothing' then return false end
if how == 'missing' then return redis.call('GET', KEYS[1]) end
if how == 'list' then return {1, 'two', {KEYS[1], redis.call('XLEN', KEYS[2])}} end
if how == 'caught' then
  local reply = redis.pcall('XADD', KEYS[2], '0-1', 'field', ARGV[2])
  if type(reply) == 'table' and reply.err then return 'caught ' .. reply.err end
  return reply
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('PUBLISH', KEYS[1], ARGV[2])
return redis.call('XADD', KEYS[2], ARGV[3], 'field', ARGV[2])`,
  run(call, keys, args): Reply {
    const [text, stream] = keys as [string, string];
    // As in Lua, what is missing is noticed where it is used.
    const [how, value, id] = args as [string, string, string];
    if (how === 'number') return 7;
    if (how === 'status') return 'FINE';
    if (how === 'error') return new ReplyError(`FENCED by ${value}`);
    if (how === 'nothing') return null;
    if (how === 'missing') return call('GET', text);
    if (how === 'list') return [1, 'two', [text, call('XLEN', stream)]];
    if (how === 'caught') {
      try {
        return call('XADD', stream, '0-1', 'field', value);
      } catch (error) {
        if (error instanceof ReplyError) return `caught ${error.message}`;
        throw error;
      }
    }
    call('SET', text, value);
    call('PUBLISH', text, value);
    return call('XADD', stream, id, 'field', value);
  },
};
