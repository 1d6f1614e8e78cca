import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { STREAM_TOPIC } from './kafka-layout.ts';
import { at, EPOCH, LATER, Leader } from './testing/suite-world.ts';
import { ELECTED_WITHIN_MS, type Member, ThreeBrokers, TOLD_WITHIN_MS } from './testing/three-brokers.ts';
import { TimedReader } from './testing/timed-reader.ts';

/** So long is what comes after a fault looked at. */
const AFTER_MS = 3_000;
/** A frozen one is out of the copies in step when its session with the controller is over. */
const FROZEN_MS = 8_000;
/** Longer than the leader of a partition waits for those that copy it. */
const MOMENT_MS = 1_100;
/** Twice as long as that leader waits, and a little. */
const WRITTEN_AGAIN_MS = 1_700;

describeWithService('kafka', 'three brokers under 500 events a second', () => {
  let world: ThreeBrokers;

  beforeAll(async () => {
    world = await ThreeBrokers.start();
  });
  afterAll(() => world?.dispose());
  beforeEach(() => world.begin());
  afterEach(async () => {
    await world.end();
    await world.kafka.heal();
  });

  const pass = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
  const stateOf = (leader: Leader) => leader.service.health().state;
  const until = (condition: () => boolean, timeout: number) => vi.waitUntil(condition, { timeout, interval: 5 });

  type Harm = { readonly name: string; readonly strike: (member: Member) => unknown };
  const harms: readonly Harm[] = [
    { name: 'killed', strike: member => member.kill() },
    { name: 'frozen', strike: member => member.freeze() },
  ];

  test.each(harms)('the leader of the stream $name: told in time, another one serves', async ({ name, strike }) => {
    const { leading } = await world.streamLies();
    const watch = world.watch();
    await strike(leading);
    await until(() => watch.downAfterMs !== null, TOLD_WITHIN_MS);
    await until(() => stateOf(world.leader) === 'up', ELECTED_WITHIN_MS);
    await world.leader.flushed();
    await pass(AFTER_MS);
    world.report(`leader ${name}`, watch);
    const back = world.watch();
    await world.kafka.heal();
    await pass(AFTER_MS);
    world.report(`leader ${name}, and back`, back);
    expect(back.downAfterMs).toBeNull();
    await world.expectWhole();
  });

  test.each(harms)('one that only copies the stream $name', async ({ name, strike }) => {
    const { copying } = await world.streamLies();
    const watch = world.watch();
    await strike(copying[0]!);
    await pass(FROZEN_MS);
    await world.leader.flushed();
    world.report(`copy ${name}`, watch);
    await world.kafka.heal();
    await world.expectWhole();
  });

  test('one that only copies the stream stands still for a moment: nobody is told of an outage', async () => {
    const { copying } = await world.streamLies();
    const watch = world.watch();
    for (let moment = 0; moment < 5; moment++) {
      copying[0]!.freeze();
      await pass(MOMENT_MS);
      copying[0]!.thaw();
      await world.leader.flushed();
    }
    world.report('a copy frozen for a moment, five times', watch);
    expect(watch.downAfterMs).toBeNull();
    await world.expectWhole();
  });

  test.each(harms)('[EPO1] another node takes over while the leader of the stream is $name', async harm => {
    const successor = new Leader(world.open());
    const { leading } = await world.streamLies();
    const watch = world.watch();
    await harm.strike(leading);
    const struck = performance.now();
    const fence = () => successor.service.fence(LATER).catch(() => null);
    const tail = await vi.waitUntil(fence, { timeout: ELECTED_WITHIN_MS, interval: 50 });
    console.log(`leader ${harm.name}: fenced after ${Math.round(performance.now() - struck)} ms`);
    successor.learn(world.leader.published.filter(({ next }) => next - 1 <= tail.position!.offset));
    expect(successor.log.position).toEqual(tail.position);
    successor.lead(LATER);
    world.goOn(successor);
    await successor.flushed();
    await until(() => world.leader.fencedBy.length > 0, ELECTED_WITHIN_MS);
    expect(world.leader.fencedBy).toEqual([LATER]);
    world.report(`leader ${harm.name}, taken over`, watch);
    await world.kafka.heal();
    await world.expectWhole(successor);
  });

  test('the first of KAFKA_BROKERS is gone: a newcomer reads all the same', async () => {
    await world.kafka.member(1).kill();
    const isServed = async () => (await world.admin.layout(STREAM_TOPIC))[0]!.leader > 1;
    await vi.waitUntil(() => isServed().catch(() => false), ELECTED_WITHIN_MS);
    const began = performance.now();
    const newcomer = new TimedReader(world.open().source, at(EPOCH, 0));
    await until(() => newcomer.trades.length > 0, ELECTED_WITHIN_MS);
    console.log(`the first broker gone: a newcomer reads after ${Math.round(performance.now() - began)} ms`);
    newcomer.stop();
    await world.kafka.heal();
    await world.expectWhole();
  });

  test('one after the other is restarted: nobody is told of an outage that is none', async () => {
    const watch = world.watch();
    for (const member of world.kafka.members) {
      await member.stop();
      await member.start();
      await world.inSync();
    }
    await world.leader.flushed();
    const silenceMs = world.report('rolling restart', watch);
    // Where the brokers have taken nothing for longer than a write is made again, that is told, and should be.
    if (silenceMs < WRITTEN_AGAIN_MS) expect(watch.downAfterMs).toBeNull();
    expect(silenceMs).toBeLessThan(TOLD_WITHIN_MS);
    await world.expectWhole();
  });

  test('fewer copies than must be: told with the reason, and healed', async () => {
    await world.admin.set(STREAM_TOPIC, 'min.insync.replicas', '3');
    const { copying } = await world.streamLies();
    const watch = world.watch();
    await copying[0]!.stop();
    await until(() => watch.downAfterMs !== null, TOLD_WITHIN_MS);
    await until(() => [...watch.reasons].some(reason => reason.includes('NOT_ENOUGH_REPLICAS')), ELECTED_WITHIN_MS);
    world.report('fewer copies than must be', watch);
    await world.kafka.heal();
    await world.inSync();
    await world.leader.flushed();
    expect(stateOf(world.leader)).toBe('up');
    await world.expectWhole();
  });

  test('two of three killed: told, and healed when they are back', async () => {
    const [one, other] = world.kafka.members;
    const watch = world.watch();
    await Promise.all([one!.kill(), other!.kill()]);
    await until(() => watch.downAfterMs !== null, TOLD_WITHIN_MS);
    await pass(FROZEN_MS);
    expect(stateOf(world.leader)).toBe('down');
    await world.kafka.heal();
    await world.inSync();
    await world.leader.flushed();
    world.report('two killed, and back', watch);
    await world.expectWhole();
  });
});
