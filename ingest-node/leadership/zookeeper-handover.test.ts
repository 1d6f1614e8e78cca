import { expect, onTestFinished, test, vi } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { SESSION_TIMEOUT_MS, ZookeeperWorld } from './testing/zookeeper-world.ts';
import { ZookeeperClient } from './zookeeper-client.ts';
import { pathOf } from './zookeeper-layout.ts';

const PATIENCE = { readyWithinMs: 60_000 };
const TAKEOVER_MS = SESSION_TIMEOUT_MS + 1_000;

describeWithService('zookeeper', '[HND1] a handover by ZooKeeper', () => {
  const world = ZookeeperWorld.ofThisFile();
  /** A node whose links can be hurt; resolves when it is in the queue. */
  const join = async (name: string) => {
    const { owner, way } = await world.fragileNode(name);
    await expect.poll(() => owner.election.status.leader, { timeout: 5_000 }).not.toBeNull();
    return { owner, way, election: owner.election };
  };
  /** A leader, the next one, already named, and a third. */
  const joinThree = async () => {
    const [leader, next, last] = [await join('node-1'), await join('node-2'), await join('node-3')];
    const term = await leader.owner.leads();
    const answer = leader.election.handOver(PATIENCE);
    await next.owner.event('prepare');
    return { leader, next, last, term, answer };
  };

  test('ten in a row: the successor leads at once, from the end', async () => {
    let leader = await join('node-0');
    let next = await join('node-1');
    const times: number[] = [];
    for (let turn = 1; turn <= 10; turn++) {
      const { epoch } = await leader.owner.leads();
      const answer = leader.election.handOver(PATIENCE);
      await next.owner.event('prepare');
      next.election.ready();
      expect(await answer).toBe('ready');
      const released = performance.now();
      void leader.election.release({ epoch, offset: 100 * turn });
      const { term, previous } = await next.owner.event('lead');
      times.push((await next.owner.timeOf('lead')) - released);
      expect(term.epoch).toBeGreaterThan(epoch);
      expect(previous).toEqual({ epoch, end: 100 * turn });
      leader = next;
      next = await join(`node-${turn + 1}`);
    }
    times.sort((one, other) => one - other);
    const words = times.map(ms => ms.toFixed(1)).join(' ');
    console.info(`from release to lead, ms: ${words}`);
    expect(times[5]).toBeLessThan(200);
  });

  test('a successor that is ready asks for its term and for nothing else, and loses it with its place all the same', async () => {
    const [leader, next] = [await join('node-1'), await join('node-2')];
    const { epoch } = await leader.owner.leads();
    const answer = leader.election.handOver(PATIENCE);
    await next.owner.event('prepare');
    next.election.ready();
    expect(await answer).toBe('ready');
    // Part of every look for a place.
    const looking = vi.spyOn(ZookeeperClient.prototype, 'watchEnd');
    onTestFinished(() => looking.mockRestore());
    await leader.election.release({ epoch, offset: 7 });
    const { term, previous } = await next.owner.event('lead');
    expect(previous).toEqual({ epoch, end: 7 });
    expect(looking).not.toHaveBeenCalled();
    const hand = await world.hand();
    const [place] = await hand.children('/leadership/candidates');
    await hand.commit([{ type: 'remove', path: pathOf(place!) }]);
    await hand.close();
    expect(await next.owner.event('stopLeading')).toMatchObject({ term });
    expect(term.mayWrite()).toBe(false);
  });

  test('the leader dies while it waits: the named one leads, the end is not known, and whoever asked is answered', async () => {
    const { leader, next, last, term, answer } = await joinThree();
    const died = performance.now();
    leader.way.blackHole();
    const { previous } = await next.owner.event('lead');
    const took = (await next.owner.timeOf('lead')) - died;
    console.info(`the leader died in a handover: the next led after ${Math.round(took)} ms`);
    expect(took).toBeLessThan(TAKEOVER_MS);
    expect(previous).toEqual({ epoch: term.epoch, end: null });
    leader.way.heal();
    expect(await answer).toBe('nobody');
    const types = [leader, next, last].map(({ owner }) => owner.types);
    expect(types).toEqual([['lead', 'suspended', 'stopLeading'], ['prepare', 'lead'], []]);
  });

  test('the named one dies before it is ready: the one after it is named', async () => {
    const { leader, next, last, answer } = await joinThree();
    next.way.blackHole();
    const { reason } = await next.owner.event('prepareCancelled');
    expect(reason).toMatch(/nothing was acknowledged/);
    await last.owner.event('prepare');
    expect(await next.owner.timeOf('prepareCancelled'), 'two never prepare at once').toBeLessThan(
      await last.owner.timeOf('prepare'),
    );
    last.election.ready();
    expect(await answer).toBe('ready');
    expect(leader.owner.types).toEqual(['lead']);
  });

  test('the named one dies after it was ready: the one after it leads, and has to find out where the last two ended', async () => {
    const { leader, next, last, term, answer } = await joinThree();
    next.election.ready();
    expect(await answer).toBe('ready');
    next.way.blackHole();
    const released = performance.now();
    await leader.election.release({ epoch: term.epoch, offset: 77 });
    const { previous } = await last.owner.event('lead');
    // Its term was there for it: nobody knows whether it wrote.
    expect(previous?.epoch).toBeGreaterThan(term.epoch);
    expect(previous?.end).toBeNull();
    const took = (await last.owner.timeOf('lead')) - released;
    console.info(`the successor died when it was ready: the next led after ${Math.round(took)} ms`);
    expect(took).toBeLessThan(TAKEOVER_MS);
  });

  test('[EPO2] a memory that is slow is asked while the successor prepares', async () => {
    const leader = await join('node-1');
    const { epoch } = await leader.owner.leads();
    const slow = {
      name: 'slow',
      highest: () => new Promise<number>(resolve => setTimeout(resolve, 400, epoch + 50)),
    };
    const next = await world.node('node-2', [slow]);
    await expect.poll(() => next.election.status.state).toBe('following');
    const answer = leader.election.handOver(PATIENCE);
    await next.event('prepare');
    await slow.highest();
    next.election.ready();
    expect(await answer).toBe('ready');
    const released = performance.now();
    void leader.election.release({ epoch, offset: 1 });
    const { term } = await next.event('lead');
    expect((await next.timeOf('lead')) - released).toBeLessThan(300);
    expect(term.epoch).toBe(epoch + 51);
  });

  test('cut links on both sides only delay it', async () => {
    const { leader, next, term, answer } = await joinThree();
    next.way.used.cut();
    next.election.ready();
    leader.way.used.cut();
    expect(await answer).toBe('ready');
    expect([leader.owner.types, next.owner.types]).toEqual([['lead'], ['prepare']]);
    leader.way.used.cut();
    await leader.election.release({ epoch: term.epoch, offset: 5 });
    expect((await next.owner.event('lead')).previous).toEqual({ epoch: term.epoch, end: 5 });
  });

  test('the answer to the release is lost: it has happened all the same, once', async () => {
    const { leader, next, term } = await joinThree();
    // Between two heartbeats, so that the next reply is the one to the release.
    const latency = () => leader.election.components()[1]?.latencyMs;
    const before = latency();
    await expect.poll(latency, { interval: 2 }).not.toBe(before);
    leader.way.used.tear(0);
    await leader.election.release({ epoch: term.epoch, offset: 6 });
    expect((await next.owner.event('lead')).previous).toEqual({ epoch: term.epoch, end: 6 });
    expect(leader.owner.types).toEqual(['lead', 'stopLeading']);
  });

  test('a release that reaches nobody ends by itself, and the next leads when the session is over', async () => {
    const { leader, next, term } = await joinThree();
    leader.way.blackHole();
    const before = performance.now();
    await leader.election.release({ epoch: term.epoch, offset: 6 });
    const took = performance.now() - before;
    console.info(`a release that reached nobody took ${Math.round(took)} ms`);
    expect(took).toBeLessThan(TAKEOVER_MS);
    expect((await next.owner.event('lead')).previous).toEqual({ epoch: term.epoch, end: null });
    expect(next.owner.types).toEqual(['prepare', 'lead']);
  });
});
