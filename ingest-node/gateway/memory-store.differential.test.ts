import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { startRedis, type TestRedis } from '../../infra/local/services/testing/redis.ts';
import { systemClock } from '../../shared/base/clock.ts';
import { printedRandom } from '../../shared/client/testing/random.ts';
import { FENCE_KEY, HISTORY_KEY, SNAPSHOT_KEY, STREAM_CHANNEL } from '../../shared/stream/redis/redis-layout.ts';
import type { Command, GatewayStore } from './gateway-store.ts';
import { compileGlob } from './memory/glob.ts';
import { MemoryStore } from './memory-store.ts';
import { RedisStore } from './redis-store.ts';
import { ScriptLibrary } from './registered-script.ts';
import type { Reply } from './reply.ts';
import { STREAM_SCRIPTS } from './stream-scripts.ts';
import { comparable, isAlike } from './testing/comparable.ts';
import { randomCommand } from './testing/random-command.ts';
import { RandomWriters } from './testing/random-script.ts';
import { SAMPLE_SCRIPT } from './testing/sample-script.ts';

const SCRIPTS = new ScriptLibrary([SAMPLE_SCRIPT, ...STREAM_SCRIPTS.all]);

const SEQUENCES = 60;
const COMMANDS = 150;
const SCRIPT_SEQUENCES = 80;
const SCRIPT_COMMANDS = 60;

/** What shows everything that the scripts of the stream can have changed. */
const LOOKS: readonly Command[] = [
  ['TYPE', FENCE_KEY],
  ['GET', FENCE_KEY],
  ['TYPE', HISTORY_KEY],
  ['XRANGE', HISTORY_KEY, '-', '+'],
  ['TYPE', SNAPSHOT_KEY],
  ['HGETALL', SNAPSHOT_KEY],
];

describeWithService('redis', 'the memory store answers as a real Redis does', () => {
  let server: TestRedis;
  let admin: Redis;
  let redis: RedisStore;
  let memory: MemoryStore;

  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.url);
    // Redis leaves whole nodes standing where a trim may be approximate. With one entry a node such a trim is exact.
    await admin.config('SET', 'stream-node-max-entries', '1');
    const connected = Promise.withResolvers<void>();
    redis = new RedisStore({ url: server.url, clock: systemClock, onConnection: () => connected.resolve() });
    await connected.promise;
    await redis.run(SCRIPTS.all.map(script => ['SCRIPT', 'LOAD', script.source]));
  });

  beforeEach(async () => {
    await admin.flushall();
    memory = new MemoryStore({ clock: systemClock, scripts: SCRIPTS });
  });

  afterAll(async () => {
    await redis?.close();
    admin?.disconnect();
    await server?.dispose();
  });

  test(`${SEQUENCES} random sequences of ${COMMANDS} commands, right and wrong`, async () => {
    const random = printedRandom('memory store against Redis');
    const told = { total: 0, errors: 0 };
    for (let sequence = 0; sequence < SEQUENCES; sequence++) {
      await admin.flushall();
      memory = new MemoryStore({ clock: systemClock, scripts: SCRIPTS });
      const commands = Array.from({ length: COMMANDS }, () => randomCommand(random));
      // Both get them at the same time: what hangs on the clock hangs on the same second.
      const [real, ours] = await Promise.all([redis.run(commands), memory.run(commands)]);
      for (const [index, command] of commands.entries()) {
        agree(command, ours[index]!, real[index]!, () => history(commands, index));
      }
      told.total += commands.length;
      told.errors += real.filter(reply => reply instanceof Error).length;
    }
    console.info(`${told.total} commands compared, ${told.errors} of them errors in Redis`);
    expect(told.errors).toBeGreaterThan(told.total / 20);
    expect(told.errors).toBeLessThan(told.total / 2);
  });

  test('transactions: all run in one, or none', async () => {
    const random = printedRandom('transactions against Redis');
    let discarded = 0;
    const past: Command[] = [];
    for (let sequence = 0; sequence < 200; sequence++) {
      const commands = Array.from({ length: 4 }, () => randomCommand(random));
      past.push(...commands);
      const [real, ours] = [await redis.transact(commands), await memory.transact(commands)];
      if (real instanceof Error) discarded++;
      if (real instanceof Error || ours instanceof Error) {
        expect(ours, history(past, past.length - 1)).toEqual(real);
        continue;
      }
      expect(ours).toHaveLength(real.length);
      for (const [index, command] of commands.entries()) {
        agree(command, ours[index]!, real[index]!, () => history(past, past.length - 4 + index));
      }
    }
    expect(discarded).toBeGreaterThan(0);
    expect(discarded).toBeLessThan(200);
  });

  test(`${SCRIPT_SEQUENCES} random sequences of ${SCRIPT_COMMANDS} writes of the stream: scripts and their twins`, async () => {
    const random = printedRandom('the scripts of the stream');
    const verdicts = new Map<string, number>();
    let heardInAll = 0;
    for (let sequence = 0; sequence < SCRIPT_SEQUENCES; sequence++) {
      await admin.flushall();
      memory = new MemoryStore({ clock: systemClock, scripts: SCRIPTS });
      const heard = { real: await listen(redis), ours: await listen(memory) };
      const writers = new RandomWriters(random);
      // After each command what is left in the keys, so that a difference is told where it begins.
      const commands = Array.from({ length: SCRIPT_COMMANDS }, () => [writers.next(), ...LOOKS]).flat();
      const [real, ours] = await Promise.all([redis.run(commands), memory.run(commands)]);
      for (const [index, command] of commands.entries()) {
        agree(command, ours[index]!, real[index]!, () => scriptHistory(commands, real, index));
        const verdict = command[0]?.startsWith('EVAL') ? verdictOf(real[index]!) : null;
        if (verdict !== null) verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      }
      // A message of its own behind the last: once it is heard, all are.
      for (const store of [redis, memory]) await store.run([['PUBLISH', STREAM_CHANNEL, 'the end']]);
      const said = await heard.real.all;
      expect(await heard.ours.all).toEqual(said);
      heardInAll += said.length - 1;
    }
    expect(heardInAll).toBeGreaterThan(SCRIPT_SEQUENCES * 5);
    console.info(`verdicts of the scripts: ${JSON.stringify(Object.fromEntries(verdicts))}`);
    for (const verdict of ['done', 'moved', 'fenced', 'repaired', 'error']) {
      expect(verdicts.get(verdict) ?? 0, verdict).toBeGreaterThan(20);
    }
  });

  test('patterns of channels match what Redis matches', async () => {
    const random = printedRandom('patterns against Redis');
    const word = (letters: string, most: number) =>
      Array.from(
        { length: Math.floor(random() * (most + 1)) },
        () => letters[Math.floor(random() * letters.length)],
      ).join('');
    const names = [...new Set(Array.from({ length: 150 }, () => word('abc-]^.', 5)))];
    await admin.mset(names.flatMap(name => [`key:${name}`, '1']));
    let matches = 0;
    for (let attempt = 0; attempt < 1500; attempt++) {
      const pattern = word('abc**??[]^-\\.', 7);
      const accepts = compileGlob(`key:${pattern}`);
      const expected = (await admin.keys(`key:${pattern}`)).map(name => name.slice(4)).sort();
      expect(names.filter(name => accepts(`key:${name}`)).sort(), pattern).toEqual(expected);
      matches += expected.length;
    }
    expect(matches).toBeGreaterThan(1500);
  });
});

/** Everything heard in the channel of the stream up to a last word. */
async function listen(store: GatewayStore): Promise<{ readonly all: Promise<readonly string[]> }> {
  const messages: string[] = [];
  const { promise, resolve } = Promise.withResolvers<readonly string[]>();
  const leave = await store.subscribe('channel', STREAM_CHANNEL, {
    onMessage: (_, payload) => {
      messages.push(payload.toString());
      if (payload.toString() !== 'the end') return;
      leave();
      resolve(messages);
    },
    onLost: () => {},
  });
  return { all: promise };
}

/** Told only when they differ: what led there is long. */
function agree(command: Command, ours: Reply, real: Reply, tell: () => string): void {
  if (!isAlike(command, ours, real)) expect(comparable(command, ours), tell()).toEqual(comparable(command, real));
}

function verdictOf(reply: Reply): string {
  if (!Array.isArray(reply)) return 'error';
  return reply.length > 3 ? 'repaired' : String(reply[0]);
}

/** The last writes before a difference and what the real ones answered. */
function scriptHistory(commands: readonly Command[], replies: readonly Reply[], index: number): string {
  const names = new Map(STREAM_SCRIPTS.all.map(({ name, source }) => [source, name]));
  return commands
    .slice(0, index + 1)
    .map((command, at) => {
      const [name, script, ...words] = command;
      const told = [name, names.get(script ?? '') ?? script, ...words].join(' ');
      return `${told} => ${JSON.stringify(comparable(command, replies[at]!))}`;
    })
    .slice(-3 * (LOOKS.length + 1))
    .join('\n');
}

/** What led to a difference, to be run again by hand. */
function history(commands: readonly Command[], index: number): string {
  const keys = new Set(commands[index]!.slice(1, 3));
  const before = commands.slice(0, index).filter(command => command.slice(1, 5).some(word => keys.has(word)));
  const lines = [...before.slice(-12), commands[index]!].map(command => JSON.stringify(command));
  return lines.join('\n').replaceAll(JSON.stringify(SAMPLE_SCRIPT.source), '(the sample script)');
}
