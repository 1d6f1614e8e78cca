/**
 * What the gateway must do over every store, asked by the unmodified `@upstash/redis` client wherever it can ask it, and by
 * plain requests where the answer itself is the point.
 */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HISTORY_KEY, STREAM_CHANNEL } from '../../shared/stream/redis/redis-layout.ts';
import { APPEND_SCRIPT, FENCE_SCRIPT } from '../infrastructure/redis-scripts.ts';
import { silentLogger } from '../operations/logger.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { GATEWAY_LIMITS } from './gateway-server.ts';
import type { GatewayStore } from './gateway-store.ts';
import { scriptSha } from './registered-script.ts';
import { ask, listen, upstashClient, workerClient } from './testing/rest-clients.ts';

const STREAM_KEYS = ['exchange.epoch', 'exchange.history', 'exchange.snapshot'];
/** Texts that an encoding on the way might spoil. */
const DELICATE = [
  '',
  'OK',
  'null',
  '1',
  '{"a":[1]}',
  'T0s=',
  '\u0000\u0001\u007f',
  'a\r\nb',
  '한국 🚀',
  '"\\',
  '\ufeffx',
  ',',
];

export function gatewaySuite(name: string, openStore: () => Promise<GatewayStore>): void {
  describe(`the gateway over ${name}`, () => {
    let store: GatewayStore;
    let gateway: Gateway;

    beforeEach(async () => {
      store = await openStore();
      const limits = { ...GATEWAY_LIMITS, maxBodyBytes: 100_000, maxCommands: 500, maxReplyBytes: 300_000 };
      gateway = await startGateway({ store, port: 0, token: null, logger: silentLogger, limits });
    });

    afterEach(async () => {
      await gateway.stop();
      await store.close();
    });

    const subscribers = (count: number) => vi.waitUntil(() => gateway.counts.subscribers === count);

    describe('commands', () => {
      test('the client writes and reads every kind of key that the stream has', async () => {
        const redis = upstashClient(gateway);
        expect(await redis.ping()).toBe('PONG');
        expect(await redis.set('text', 'value')).toBe('OK');
        expect(await redis.get('text')).toBe('value');
        expect(await redis.set('text', { nested: [1, '2'] }, { ex: 100 })).toBe('OK');
        expect(await redis.get('text')).toEqual({ nested: [1, '2'] });
        expect(await redis.ttl('text')).toBeGreaterThan(98);
        expect(await redis.set('text', 'other', { nx: true })).toBeNull();
        expect(await redis.incr('count')).toBe(1);
        expect(await redis.hset('hash', { writer: 7, parts: 'two' })).toBe(2);
        expect(await redis.hmget('hash', 'writer', 'absent', 'parts')).toEqual({
          writer: 7,
          absent: null,
          parts: 'two',
        });
        expect(await redis.hgetall('hash')).toEqual({ writer: 7, parts: 'two' });
        expect(await redis.type('hash')).toBe('hash');
        expect(await redis.expire('hash', 10)).toBe(1);
        expect(await redis.exists('hash', 'text', 'absent')).toBe(2);
        expect(await redis.del('hash', 'text', 'absent')).toBe(2);
        expect(await redis.get('text')).toBeNull();
        expect(await redis.publish('nobody', 'hears')).toBe(0);
      });

      test('the client appends to a stream, trims it and reads it in both directions', async () => {
        const redis = upstashClient(gateway, { automaticDeserialization: false });
        for (let offset = 1; offset <= 5; offset++) {
          const trim = { type: 'MINID', comparison: '=', threshold: `7-${Math.max(1, offset - 2)}` } as const;
          expect(await redis.xadd('history', `7-${offset}`, { part: `${offset}` }, { trim })).toBe(`7-${offset}`);
        }
        const plain = workerClient(gateway);
        const entry = (offset: number) => [`7-${offset}`, ['part', `${offset}`]];
        expect(await plain.exec(['XRANGE', 'history', '-', '+'])).toEqual([entry(3), entry(4), entry(5)]);
        expect(await plain.exec(['XRANGE', 'history', '(7-3', '+', 'COUNT', 1])).toEqual([entry(4)]);
        expect(await plain.exec(['XREVRANGE', 'history', '+', '-', 'COUNT', 2])).toEqual([entry(5), entry(4)]);
        await redis.xadd('history', '8-1', { part: 'x' }, { trim: { type: 'MAXLEN', comparison: '=', threshold: 2 } });
        expect(await redis.xlen('history')).toBe(2);
        await expect(redis.xadd('history', '8-1', { part: 'again' })).rejects.toThrow('equal or smaller');
      });

      test('what a command refuses comes as an error with its message', async () => {
        const redis = upstashClient(gateway);
        await redis.set('text', 'value');
        await expect(redis.hget('text', 'field')).rejects.toThrow('WRONGTYPE Operation against a key');
        await expect(redis.incr('text')).rejects.toThrow('ERR value is not an integer or out of range');
        await expect(redis.exec(['GET'])).rejects.toThrow("ERR wrong number of arguments for 'get' command");
        for (const forbidden of [['FLUSHALL'], ['KEYS', '*'], ['CONFIG', 'GET', '*'], ['SUBSCRIBE', 'x'], ['XREAD']]) {
          await expect(redis.exec(forbidden as [string])).rejects.toThrow('ERR Command is not available');
        }
      });

      test.each(['base64', 'plain'] as const)('texts come back as they were written: %s', async encoding => {
        const redis = upstashClient(gateway, {
          automaticDeserialization: false,
          ...(encoding === 'plain' ? { responseEncoding: false } : {}),
        });
        const binary = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
        for (const text of [...DELICATE, binary]) {
          await redis.set('text', text);
          // The client's decoder takes a byte order mark for none of the text.
          const expected = encoding === 'base64' ? text.replace(/^\ufeff/, '') : text;
          expect(await redis.get('text')).toBe(expected);
          expect(await redis.exec(['MGET', 'text', 'absent'])).toEqual([expected, null]);
        }
      });

      test('base64 encodes every text but an OK that is the whole answer', async () => {
        const headers = { 'upstash-encoding': 'base64' };
        const run = async (command: readonly unknown[]) =>
          (await ask(gateway, '/', { body: JSON.stringify(command), headers })).body;
        const base64 = (text: string) => Buffer.from(text).toString('base64');
        expect(await run(['SET', 'text', 'OK'])).toEqual({ result: 'OK' });
        expect(await run(['GET', 'text'])).toEqual({ result: 'OK' });
        expect(await run(['MGET', 'text', 'none'])).toEqual({ result: [base64('OK'), null] });
        expect(await run(['XADD', 's', '1-1', 'f', '한'])).toEqual({ result: base64('1-1') });
        expect(await run(['XRANGE', 's', '-', '+'])).toEqual({
          result: [[base64('1-1'), [base64('f'), base64('한')]]],
        });
        expect(await run(['XLEN', 's'])).toEqual({ result: 1 });
      });

      test('the words of a command may stand in the path', async () => {
        expect(await ask(gateway, '/set/name/a%20b%2Fc?EX=100', { method: 'GET' })).toEqual({
          status: 200,
          body: { result: 'OK' },
        });
        expect((await ask(gateway, `/get/name?_token=${gateway.token}`, { method: 'GET', token: null })).body).toEqual({
          result: 'a b/c',
        });
        expect((await ask(gateway, '/set/name', { body: '{"json":1}' })).body).toEqual({ result: 'OK' });
        expect((await ask(gateway, '/get/name', { method: 'GET' })).body).toEqual({ result: '{"json":1}' });
      });
    });

    describe('pipelines and transactions', () => {
      test('a pipeline answers each command in its place, failures too', async () => {
        const replies = await upstashClient(gateway)
          .pipeline()
          .set('text', 'value')
          .hget('text', 'field')
          .flushall()
          .get('text')
          .exec({ keepErrors: true });
        expect(replies.map(({ result, error }) => error?.split(' ')[0] ?? result)).toEqual([
          'OK',
          'WRONGTYPE',
          'ERR',
          'value',
        ]);
      });

      test('nothing comes between the commands of a transaction', async () => {
        const clients = Array.from({ length: 4 }, () => upstashClient(gateway));
        const seen = await Promise.all(
          clients.flatMap(redis =>
            Array.from({ length: 25 }, async () => {
              const replies = await redis.multi().incr('a').incr('b').mget('a', 'b').exec<[number, number, number[]]>();
              return replies[2];
            }),
          ),
        );
        for (const [a, b] of seen) expect(a).toBe(b);
        expect(seen.map(([a]) => a!).sort((x, y) => x - y)).toEqual(
          Array.from({ length: 100 }, (_, index) => index + 1),
        );
      });

      test('a transaction with a command that cannot be run runs none', async () => {
        const redis = upstashClient(gateway);
        await expect(redis.multi().set('text', 'no').flushall().exec()).rejects.toThrow('not available');
        await expect(redis.multi().set('text', 'no').mget().exec()).rejects.toThrow('EXECABORT');
        expect(await redis.get('text')).toBeNull();
      });

      test('a command that fails does not stop a transaction, as in Redis', async () => {
        const body = JSON.stringify([
          ['SET', 't', 'x'],
          ['INCR', 't'],
          ['SET', 'u', 'y'],
        ]);
        expect(await ask(gateway, '/multi-exec', { body })).toEqual({
          status: 200,
          body: [{ result: 'OK' }, { error: 'ERR value is not an integer or out of range' }, { result: 'OK' }],
        });
      });
    });

    describe('scripts', () => {
      test('the scripts of the stream run, by text and by their SHA-1, and publish', async () => {
        const redis = upstashClient(gateway, { automaticDeserialization: false });
        const heard = await listen(workerClient(gateway), STREAM_CHANNEL);
        expect(await redis.eval(FENCE_SCRIPT, STREAM_KEYS, ['5'])).toEqual(['done', '', 1]);
        const append = (writer: string, after: string, id: string, message: string) =>
          redis.eval(APPEND_SCRIPT, STREAM_KEYS, [writer, after, id, '5-1', '0', '0', '0', message]);
        expect(await append('5', '', '5-1', 'first')).toEqual(['done', '5-1', 1]);
        expect(await append('5', '5-1', '5-3', 'second')).toEqual(['done', '5-3', 1]);
        expect(await append('5', '5-1', '5-4', 'astray')).toEqual(['moved', '5-3', 1]);
        expect(await append('4', '5-3', '5-4', 'deposed')).toEqual(['fenced', '5', 1]);
        expect(await redis.evalsha(scriptSha(FENCE_SCRIPT), STREAM_KEYS, ['6'])).toEqual(['done', '5-3', 1]);
        expect(await redis.xlen(HISTORY_KEY)).toBe(2);
        await heard.until(2);
        expect(heard.messages).toEqual(['first', 'second']);
        await heard.leave();
      });

      test('any other script is refused, for it could do what no command may', async () => {
        const redis = upstashClient(gateway);
        await expect(redis.eval("return redis.call('FLUSHALL')", [], [])).rejects.toThrow('NOPERM');
        await expect(redis.scriptLoad("return redis.call('FLUSHALL')")).rejects.toThrow('NOPERM');
        await expect(redis.evalsha('f'.repeat(40), [], [])).rejects.toThrow('NOSCRIPT');
        expect(await redis.scriptExists(scriptSha(APPEND_SCRIPT).replace(/./g, '0'))).toEqual([0]);
      });
    });

    describe('subscriptions', () => {
      test('thousands of messages reach a channel and a pattern, none lost, doubled or out of order', async () => {
        const redis = workerClient(gateway);
        const [direct, byPattern] = [await listen(redis, 'prices.krw'), await listen(redis, 'prices.*', 'pattern')];
        const messages = Array.from({ length: 6000 }, (_, index) =>
          JSON.stringify({ index, text: `한국,${'x'.repeat(index % 90)}` }),
        );
        for (let first = 0; first < messages.length; first += 500) {
          const pipeline = redis.pipeline();
          for (const message of messages.slice(first, first + 500)) pipeline.publish('prices.krw', message);
          expect(await pipeline.exec()).toEqual(Array.from({ length: 500 }, () => 2));
        }
        await Promise.all([direct.until(6000), byPattern.until(6000)]);
        expect(direct.messages).toEqual(messages);
        expect(byPattern.messages).toEqual(messages);
        await Promise.all([direct.leave(), byPattern.leave()]);
      });

      test('each subscriber hears its own channels only, and nothing after it left', async () => {
        const redis = workerClient(gateway);
        const [one, two] = [await listen(redis, 'one'), await listen(redis, 'two')];
        const alsoOne = await listen(redis, 'one');
        await redis.publish('one', 'a');
        await redis.publish('two', 'b');
        await Promise.all([one.until(1), two.until(1), alsoOne.until(1)]);
        await one.leave();
        await subscribers(2);
        expect(await redis.publish('one', 'c')).toBe(1);
        await alsoOne.until(2);
        expect([one.messages, two.messages, alsoOne.messages]).toEqual([['a'], ['b'], ['a', 'c']]);
        await Promise.all([two.leave(), alsoOne.leave()]);
        await subscribers(0);
        expect(await redis.publish('one', 'd')).toBe(0);
      });

      test('on the wire it is server-sent events, confirmed before the first message', async () => {
        const channel = `channel-${randomUUID()}`;
        const headers = { authorization: `Bearer ${gateway.token}`, accept: 'text/event-stream' };
        for (const method of ['GET', 'POST']) {
          const response = await fetch(`${gateway.url}/subscribe/${channel}`, { method, headers });
          expect(response.status).toBe(200);
          expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
          const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
          expect((await reader.read()).value).toBe(`data: subscribe,${channel},1\n\n`);
          await ask(gateway, '/', { body: JSON.stringify(['PUBLISH', channel, 'a,b']) });
          expect((await reader.read()).value).toBe(`data: message,${channel},a,b\n\n`);
          await reader.cancel();
        }
        const response = await fetch(`${gateway.url}/psubscribe/${channel.slice(0, 12)}*`, { headers });
        const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
        expect((await reader.read()).value).toBe(`data: psubscribe,${channel.slice(0, 12)}*,1\n\n`);
        await ask(gateway, `/publish/${channel}/x`);
        expect((await reader.read()).value).toBe(`data: pmessage,${channel.slice(0, 12)}*,${channel},x\n\n`);
        await reader.cancel();
      });

      test('stopping ends every stream, and no socket is left', async () => {
        const headers = { authorization: `Bearer ${gateway.token}` };
        const readers = await Promise.all(
          ['/subscribe/one', '/psubscribe/o*'].map(async path => {
            const response = await fetch(`${gateway.url}${path}`, { headers });
            return response.body!.getReader();
          }),
        );
        for (const reader of readers) await reader.read();
        const ended = readers.map(async reader => (await reader.read()).done);
        await gateway.stop();
        expect(await Promise.all(ended)).toEqual([true, true]);
        await expect(fetch(gateway.url)).rejects.toThrow();
      });
    });

    describe('refusals', () => {
      test.each([null, '', 'wrong', 'prefix'])(
        'a wrong token (%s) is told from no other by status 401',
        async given => {
          const token = given === 'prefix' ? gateway.token.slice(0, -1) : given;
          for (const path of ['/', '/pipeline', '/multi-exec', '/subscribe/x', '/get/x', '/nowhere']) {
            const { status, body } = await ask(gateway, path, { token, body: '["SET","x","y"]' });
            expect([status, body]).toEqual([401, { error: 'WRONGPASS invalid or missing auth token' }]);
          }
          const redis = upstashClient({ ...gateway, token: token || 'none' });
          await expect(redis.set('x', 'y')).rejects.toThrow('WRONGPASS');
          expect(await upstashClient(gateway).get('x')).toBeNull();
        },
      );

      test.each([
        ['/', 'no json'],
        ['/', ''],
        ['/', '{}'],
        ['/', '[]'],
        ['/', '"GET"'],
        ['/', '[{"a":1}]'],
        ['/', '[["GET","x"]]'],
        ['/', '["GET",null]'],
        ['/', '["NOPE"]'],
        ['/pipeline', '[]'],
        ['/pipeline', '["GET","x"]'],
        ['/pipeline', '[[]]'],
        ['/pipeline', JSON.stringify(Array.from({ length: 501 }, () => ['PING']))],
        ['/multi-exec', '[["NOPE"]]'],
        ['/subscribe', ''],
        ['/subscribe/a/b', ''],
        ['/get/%zz', ''],
      ])('a request that follows no rule is answered by status 400: %s %s', async (path, body) => {
        const answer = await ask(gateway, path, { body });
        expect(answer.status).toBe(400);
        expect(answer.body).toEqual({ error: expect.stringMatching(/^ERR /) });
      });

      test('paths that are nothing get 404, methods that are none 405', async () => {
        for (const path of ['/nowhere', '/favicon.ico', '/pipelines', '/flushall', '/v1/get/x']) {
          const { status, body } = await ask(gateway, path, { method: 'GET' });
          expect([status, body]).toEqual([404, { error: expect.stringMatching(/^ERR /) }]);
        }
        expect((await ask(gateway, '/pipeline', { method: 'GET' })).status).toBe(405);
        expect((await ask(gateway, '/get/x', { method: 'DELETE' })).status).toBe(405);
      });

      test('a body over the limit gets 413, a reply over it an error', async () => {
        const redis = upstashClient(gateway);
        await redis.set('text', 'x'.repeat(99_000));
        await expect(redis.set('text', 'x'.repeat(110_000))).rejects.toThrow('max request size exceeded');
        expect((await ask(gateway, '/', { body: `["SET","t","${'x'.repeat(100_000)}"]` })).status).toBe(413);
        await expect(redis.exec(['MGET', ...Array.from({ length: 4 }, () => 'text')] as [string])).rejects.toThrow(
          'over the limit',
        );
        expect(await redis.ping()).toBe('PONG');
      });
    });
  });
}
