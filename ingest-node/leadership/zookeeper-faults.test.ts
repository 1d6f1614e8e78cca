import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import type { EpochMemory } from './epoch-memory.ts';
import type { Owner } from './leader-election.suite.ts';
import { SESSION_TIMEOUT_MS, ZookeeperWorld } from './testing/zookeeper-world.ts';

describeWithService('zookeeper', 'leadership on a bad day', () => {
  const world = ZookeeperWorld.ofThisFile();
  /** A leader whose links can be hurt, and a node behind it. */
  const startTwo = async () => {
    const { owner: leader, way } = await world.fragileNode('node-1');
    const term = await leader.leads();
    const next = await world.node('node-2');
    await expect.poll(() => next.election.status.leader?.node).toBe('node-1');
    return { leader, term, next, way };
  };
  const zookeeper = (owner: Owner) => owner.election.components()[1];

  test('a cut link is replaced at once: the session, the term and the right to write go on', async () => {
    const { leader, term, next, way } = await startTwo();
    for (let cut = 0; cut < 5; cut++) {
      const { accepted } = way;
      way.used.cut();
      await expect.poll(() => [way.accepted > accepted, zookeeper(leader)?.state]).toEqual([true, 'up']);
      expect(term.mayWrite()).toBe(true);
    }
    expect([leader.types, next.types]).toEqual([['lead'], []]);
  });

  test('a reply that is torn anywhere costs a link, not the term', async () => {
    const { leader, term, way } = await startTwo();
    for (const bytes of [0, 1, 3, 4, 7, 16, 21]) {
      const { accepted } = way;
      way.used.tear(bytes);
      await expect.poll(() => [way.accepted > accepted, zookeeper(leader)?.state]).toEqual([true, 'up']);
      expect(term.mayWrite()).toBe(true);
    }
    expect(leader.types).toEqual(['lead']);
  });

  test('a half-open link is found by its silence, and left for another server', async () => {
    const { leader, term, next, way } = await startTwo();
    const dead = way.used;
    dead.blackHole();
    await expect.poll(() => way.links.some(link => link !== dead && link.links > 0), { timeout: 5_000 }).toBe(true);
    await expect.poll(() => [zookeeper(leader)?.state, term.mayWrite()], { timeout: 5_000 }).toEqual(['up', true]);
    expect(leader.types).not.toContain('stopLeading');
    expect(next.types).toEqual([]);
  });

  test('servers that accept and never answer cost time, not the term, when one answers within the timeout', async () => {
    const { leader, term, next, way } = await startTwo();
    const dead = way.used;
    // The next one in turn would not answer, either.
    const other = way.links.find(link => link !== dead);
    dead.blackHole();
    other?.blackHole();
    const last = way.links.find(link => link !== dead && link !== other);
    await expect.poll(() => last?.links, { timeout: 5_000 }).toBeGreaterThan(0);
    await expect
      .poll(() => [leader.election.status.state, term.mayWrite()], { timeout: 5_000 })
      .toEqual(['leading', true]);
    expect(leader.types).not.toContain('stopLeading');
    expect(next.types).toEqual([]);
  });

  test('[FEN1] a leader that is cut off stops before another one begins, and follows when it is back', async () => {
    const { leader, term, next, way } = await startTwo();
    const cutOff = performance.now();
    way.blackHole();
    await leader.event('suspended');
    expect([term.mayWrite(), leader.election.status.leader]).toEqual([false, null]);
    const taken = await next.timeOf('lead');
    const margin = taken - (await leader.timeOf('suspended'));
    console.info(
      `cut off: a new leader after ${Math.round(taken - cutOff)} ms, ${Math.round(margin)} ms after the old one stopped`,
    );
    expect(taken - cutOff).toBeLessThan(SESSION_TIMEOUT_MS + 1_000);
    expect(margin).toBeGreaterThan(0);
    way.heal();
    expect(await leader.event('stopLeading')).toMatchObject({ reason: 'sessionExpired' });
    await expect.poll(() => leader.election.status.leader?.node, { timeout: 5_000 }).toBe('node-2');
    expect(leader.types).toEqual(['lead', 'suspended', 'stopLeading']);
  });

  test('one server of the ensemble dies: nobody notices', async () => {
    const { leader, term, next } = await startTwo();
    const [victim] = await world.ensemble.followers();
    await victim?.kill();
    // Every server the nodes could use but the dead one has answered a heartbeat of each node by then.
    const beats = async (owner: Owner) => {
      const before = zookeeper(owner)?.latencyMs;
      await expect.poll(() => zookeeper(owner)?.latencyMs, { timeout: 5_000 }).not.toBe(before);
    };
    await Promise.all([beats(leader), beats(next)]);
    await expect.poll(() => [zookeeper(leader)?.state, zookeeper(next)?.state]).toEqual(['up', 'up']);
    expect(term.mayWrite()).toBe(true);
    await victim?.start();
    await world.ensemble.ready();
    expect(leader.types.filter(type => type === 'stopLeading')).toEqual([]);
    expect(next.types).toEqual([]);
  });

  test('[FEN1] the quorum is lost for five seconds: the term is suspended and goes on', async () => {
    const { leader, term, next } = await startTwo();
    const victims = await world.ensemble.followers();
    await Promise.all(victims.map(server => server.kill()));
    await leader.event('suspended');
    const lost = performance.now();
    expect(term.mayWrite()).toBe(false);
    await new Promise(resolve => setTimeout(resolve, 5_000));
    expect(term.mayWrite()).toBe(false);
    await world.ensemble.start();
    const { term: same } = await leader.event('resumed');
    console.info(`no quorum: suspended for ${Math.round((await leader.timeOf('resumed')) - lost)} ms`);
    expect([same === term, same.epoch, same.mayWrite()]).toEqual([true, term.epoch, true]);
    await expect.poll(() => next.election.status.state, { timeout: 5_000 }).toBe('following');
    expect([leader.types.slice(0, 3), next.types]).toEqual([['lead', 'suspended', 'resumed'], []]);
    expect(leader.types).not.toContain('stopLeading');
  });

  test('[EPO2] ZooKeeper loses everything: the next epoch is above what others remember', async () => {
    const highest = Math.floor(Date.now() / 1000) + 5_000;
    const memory: EpochMemory = { name: 'the stream', highest: async () => highest };
    const leader = await world.node('node-1', [memory]);
    const { epoch } = await leader.leads();
    expect(epoch).toBe(highest + 1);
    // An epoch that only the memory knows of: the wiped ensemble, and this node's own experience, say less.
    const after = { name: 'the stream', highest: async () => epoch + 1_000 };
    const next = await world.node('node-2', [after]);
    await expect.poll(() => next.election.status.leader?.node).toBe('node-1');
    await Promise.all(world.ensemble.servers.map(server => server.wipe()));
    await leader.election.stop();
    const from = next.events.length;
    await world.ensemble.start();
    const { term, previous } = await next.event('lead', from);
    expect(term.epoch).toBe(epoch + 1_001);
    expect(previous).toEqual({ epoch: epoch + 1_000, end: null });
  });

  test('garbage among the candidates and in the term node is passed over and named', async () => {
    const hand = await world.hand();
    await hand.ensure('/leadership/candidates');
    const garbage = ['garbage', 'candidate-', `candidate-${randomUUID()}-0000000000`, 'candidate-x-0000000001', '한글'];
    for (const name of garbage)
      await hand.create(`/leadership/candidates/${name}`, Buffer.from('{"node":7'), 'persistent');
    await hand.create('/leadership/term', Buffer.from([0xff, 0xfe, 0x00]), 'persistent');
    const leader = await world.node('node-1');
    const { epoch } = await leader.leads();
    const next = await world.node('node-2');
    await expect.poll(() => next.election.status.leader?.node).toBe('node-1');
    await expect
      .poll(() => zookeeper(leader)?.lastError, { timeout: 5_000 })
      .toMatch(/6 strange nodes: term \(overwritten\)/);
    await expect
      .poll(() => leader.election.nodes().map(({ node }) => node), { timeout: 5_000 })
      .toEqual(['node-1', 'node-2']);

    // Somebody writes into the term while it runs: it cannot be trusted any more, and the next one is above it.
    await hand.set('/leadership/term', Buffer.from('"nonsense"'));
    expect(await leader.event('stopLeading')).toMatchObject({ reason: 'replaced' });
    const { term } = await next.event('lead');
    expect(term.epoch).toBeGreaterThan(epoch);
    await expect.poll(() => leader.election.status.leader?.epoch, { timeout: 5_000 }).toBe(term.epoch);
    await expect
      .poll(() => zookeeper(next)?.lastError, { timeout: 5_000 })
      .toMatch(/6 strange nodes: term \(overwritten\)/);
    expect([leader.types, next.types]).toEqual([['lead', 'stopLeading'], ['lead']]);
    await hand.close();
  });

  test("a leader whose node is removed by hand steps down, and the next one's leadership is undisturbed", async () => {
    const { leader, term, next } = await startTwo();
    const hand = await world.hand();
    const [first] = (await hand.children('/leadership/candidates')).toSorted((one, other) =>
      one.slice(-10).localeCompare(other.slice(-10)),
    );
    await hand.commit([{ type: 'remove', path: `/leadership/candidates/${first}` }]);
    await hand.close();
    const [stopped, taken] = await Promise.all([leader.timeOf('stopLeading'), next.timeOf('lead')]);
    console.info(`removed by hand: the old leader stopped ${Math.round(taken - stopped)} ms before the new one began`);
    expect(term.mayWrite()).toBe(false);
    await expect.poll(() => leader.election.status.leader?.node, { timeout: 5_000 }).toBe('node-2');
    expect(next.types).toEqual(['lead']);
  });
});
