import { expect, test } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { printedRandom } from '../../shared/client/testing/random.ts';
import { type CandidateProcess, machineNow, overlapOf } from './testing/candidate-process.ts';
import { SESSION_TIMEOUT_MS, type Ways, ZookeeperWorld } from './testing/zookeeper-world.ts';

const TAKEOVER_MS = SESSION_TIMEOUT_MS + 1_000;

type Node = { readonly process: CandidateProcess; readonly way: Ways };

describeWithService('zookeeper', 'leadership on ten bad days', () => {
  const world = ZookeeperWorld.ofThisFile();
  const nodes: Node[] = [];
  let created = 0;

  const add = async () => {
    const node = await world.fragileProcess(`node-${++created}`);
    nodes.push(node);
    return node;
  };
  const leaderOf = () => nodes.find(({ process }) => process.isRunning && process.leads);
  /** Resolves with the node that leads and writes, once there is one after that moment. */
  const nextLeader = async (besides: Node, since: number) => {
    const others = nodes.filter(node => node !== besides && node.process.isRunning);
    const took = (node: Node) => node.process.events.find(({ type, at }) => type === 'lead' && at > since);
    await Promise.any(others.map(node => node.process.until(() => took(node) !== undefined)));
    const leader = others.find(node => took(node) !== undefined) as Node;
    return { leader, afterMs: (took(leader)?.at ?? Number.NaN) - since };
  };

  const repeat = async (
    words: string,
    harm: (leader: Node) => void | Promise<void>,
    mend: (old: Node, next: Node) => unknown,
  ) => {
    nodes.length = 0;
    let leader = await add();
    await leader.process.event('lead');
    await add();
    await add();
    const times: number[] = [];
    for (let day = 0; day < 10; day++) {
      for (const { process } of nodes) await process.until(() => process.leader === leader.process.node);
      const since = machineNow();
      await harm(leader);
      const next = await nextLeader(leader, since);
      times.push(next.afterMs);
      await mend(leader, next.leader);
      ({ leader } = next);
    }
    const sorted = times.sort((one, other) => one - other).map(Math.round);
    console.info(`${words}: a new leader after ${sorted.join(' ')} ms`);
    expect(Math.max(...sorted)).toBeLessThan(TAKEOVER_MS);
    expect(overlapOf(world.processes)).toBeNull();
  };

  /** Out of the list with it, and another one in. */
  const replace = async (old: Node) => {
    nodes.splice(nodes.indexOf(old), 1);
    await add();
  };

  test('ten leaders are killed', () => repeat('killed', ({ process }) => process.kill(), replace));

  test('[FEN1] ten leaders are frozen for three timeouts', () =>
    repeat(
      'frozen',
      ({ process }) => process.freeze(),
      async ({ process }, next) => {
        const followed = machineNow();
        await next.process.until(() => machineNow() - followed > 2 * SESSION_TIMEOUT_MS);
        const { length } = process.thaws;
        process.thaw();
        await process.until(() => process.thaws.length > length);
        expect(process.thaws.at(-1)?.mayWrite).toBe(false);
      },
    ));

  test('[FEN1] ten leaders are cut off', () =>
    repeat(
      'cut off',
      ({ way }) => way.blackHole(),
      ({ way }) => way.heal(),
    ));

  test('random harm to random nodes: nobody writes after a higher epoch, and in the end one leads', async () => {
    const random = printedRandom('harm to candidates');
    const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)] as Value;
    const pause = () => new Promise(resolve => setTimeout(resolve, random() * SESSION_TIMEOUT_MS));
    nodes.length = 0;
    for (let index = 0; index < 4; index++) await add();
    const harms: ((node: Node) => unknown)[] = [
      async node => {
        await node.process.kill();
        await replace(node);
      },
      async node => {
        await node.process.stop();
        await replace(node);
      },
      ({ process }) => process.freeze(),
      ({ way }) => way.blackHole(),
      ({ way }) => {
        for (const link of way.links) link.tear(Math.floor(random() * 24));
      },
      ({ way }) => {
        for (const link of way.links) link.cut();
      },
      async () => {
        const victim = pick(world.ensemble.servers);
        await victim.kill();
        await pause();
        await victim.start();
      },
    ];
    for (let harm = 0; harm < 60; harm++) {
      const node = random() < 0.6 ? (leaderOf() ?? pick(nodes)) : pick(nodes);
      await pick(harms)(node);
      await pause();
      node.process.thaw();
      if (random() < 0.7) node.way.heal();
    }
    for (const { process, way } of nodes) {
      process.thaw();
      way.heal();
    }
    await world.ensemble.ready();
    for (const { process } of nodes)
      await process.until(() => process.leader !== null && process.leader === leaderOf()?.process.node);
    expect(nodes.filter(({ process }) => process.leads).length).toBe(1);
    expect(overlapOf(world.processes)).toBeNull();
    const epochs = new Set(world.processes.flatMap(({ writes }) => writes.map(({ epoch }) => epoch)));
    console.info(`random harm: ${epochs.size} terms, no overlap`);
  });
});
