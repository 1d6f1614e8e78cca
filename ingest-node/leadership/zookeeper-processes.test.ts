import { expect, test } from 'vitest';
import { describeWithService } from '../../infra/local/services/testing/describe-with-service.ts';
import { type CandidateProcess, machineNow, overlapOf } from './testing/candidate-process.ts';
import { SESSION_TIMEOUT_MS, ZookeeperWorld } from './testing/zookeeper-world.ts';

const TAKEOVER_MS = SESSION_TIMEOUT_MS + 1_000;

describeWithService('zookeeper', 'leaders that die, freeze and go', () => {
  const world = ZookeeperWorld.ofThisFile();
  /** The first leads, the others stand behind it in their order. */
  const start = async (...names: string[]) => {
    for (const name of names) {
      const started = world.process(name);
      await started.until(() => started.leader === names[0]);
    }
    const [leader, next, last] = world.processes;
    return { leader: leader as CandidateProcess, next: next as CandidateProcess, last: last as CandidateProcess };
  };

  test('a killed leader is followed within the session timeout and a second', async () => {
    const { leader, next, last } = await start('node-1', 'node-2', 'node-3');
    const killed = machineNow();
    await leader.kill();
    const lead = await next.event('lead');
    console.info(`killed: a new leader after ${Math.round(lead.at - killed)} ms`);
    expect(lead.at - killed).toBeLessThan(TAKEOVER_MS);
    await last.until(() => last.leader === 'node-2');
    expect(overlapOf(world.processes)).toBeNull();
    expect(last.events.filter(({ type }) => type === 'lead')).toEqual([]);
  });

  test('[FEN1] a leader that was frozen for three timeouts never writes again in its term', async () => {
    const { leader, next } = await start('node-1', 'node-2');
    await leader.until(() => leader.writes.length > 0);
    const frozen = machineNow();
    leader.freeze();
    const lead = await next.event('lead');
    console.info(`frozen: a new leader after ${Math.round(lead.at - frozen)} ms`);
    expect(lead.at - frozen).toBeLessThan(TAKEOVER_MS);
    await next.until(() => machineNow() - frozen > 3 * SESSION_TIMEOUT_MS && next.writes.length > 0);
    leader.thaw();
    await leader.until(() => leader.thaws.length > 0);
    const [thaw] = leader.thaws;
    console.info(
      `thawed after ${Math.round(thaw?.frozenMs ?? 0)} ms: believed to lead ${thaw?.believesToLead}, could write ${thaw?.mayWrite}`,
    );
    expect(thaw?.mayWrite).toBe(false);
    await leader.event('stopLeading');
    await leader.until(() => leader.leader === 'node-2');
    expect(overlapOf(world.processes)).toBeNull();
  });

  test('a leader that stops is followed at once', async () => {
    const { leader, next } = await start('node-1', 'node-2');
    const stopped = machineNow();
    await leader.stop();
    const lead = await next.event('lead');
    console.info(`stopped: a new leader after ${Math.round(lead.at - stopped)} ms`);
    expect(lead.at - stopped).toBeLessThan(SESSION_TIMEOUT_MS / 2);
    expect(overlapOf(world.processes)).toBeNull();
  });
});
