import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { EpochFile } from './epoch-file.ts';
import type { EpochMemory } from './epoch-memory.ts';
import { describeLeaderElection, Owner } from './leader-election.suite.ts';
import { SoloLeaderElection } from './solo-leader-election.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'epoch-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const identity = (node: string) => ({ node, url: `ws://127.0.0.1/${node}` });
const file = () => new EpochFile(join(directory, 'data'));

describeLeaderElection('a node on its own', {
  create: async node => new SoloLeaderElection({ identity: identity(node), file: file(), clock: systemClock }),
  isShared: false,
});

/** Leads at this Unix second and stops again; resolves with the epoch. */
async function epochAt(seconds: number, memories: readonly EpochMemory[] = []): Promise<number> {
  const clock = { ...systemClock, now: () => seconds * 1000 };
  const owner = new Owner(
    'node',
    new SoloLeaderElection({ identity: identity('node'), file: file(), memories, clock }),
  );
  await owner.start();
  const { epoch } = await owner.leads();
  await owner.election.stop();
  return epoch;
}

describe('[EPO2] a node on its own', () => {
  test('starts at the current Unix second', async () => {
    expect(await epochAt(1_790_000_000.9)).toBe(1_790_000_000);
  });

  test('goes up when it is restarted within the same second', async () => {
    expect(await epochAt(1_790_000_000)).toBe(1_790_000_000);
    expect(await epochAt(1_790_000_000)).toBe(1_790_000_001);
  });

  test('goes up when the clock was set back', async () => {
    await epochAt(1_790_000_000);
    expect(await epochAt(1_600_000_000)).toBe(1_790_000_001);
  });

  test('does not fall back when its storage was wiped', async () => {
    await epochAt(1_790_000_000);
    await rm(join(directory, 'data'), { recursive: true });
    expect(await epochAt(1_790_000_005)).toBe(1_790_000_005);
  });

  test('goes above what any other memory knows, whatever the others do', async () => {
    const memories: EpochMemory[] = [
      { name: 'knows', highest: async () => 1_800_000_000 },
      { name: 'fails', highest: () => Promise.reject(new Error('no database')) },
      { name: 'lies', highest: async () => Number.NaN },
      { name: 'hangs', highest: () => new Promise<number>(() => {}) },
    ];
    expect(await epochAt(1_790_000_000, memories)).toBe(1_800_000_001);
  });

  test('refuses to guess from a damaged file', async () => {
    await epochAt(1_790_000_000);
    await writeFile(join(directory, 'data', 'epoch'), 'garbage');
    await expect(epochAt(1_790_000_001)).rejects.toThrow(/should hold the last epoch.*"garbage"/);
  });

  test('tries again when it cannot begin the term after the one it resigned, and says so', async () => {
    const clock = new ManualClock();
    const election = new SoloLeaderElection({ identity: identity('node'), file: file(), clock });
    const owner = new Owner('node', election);
    await owner.start();
    await writeFile(join(directory, 'data', 'epoch'), 'garbage');
    election.resign('a higher epoch has written');
    clock.advance(1_000);
    await expect.poll(() => election.components()[0]?.lastError).toMatch(/should hold the last epoch/);
    await writeFile(join(directory, 'data', 'epoch'), '1900000000');
    clock.advance(1_000);
    expect((await owner.leads(3)).epoch).toBe(1_900_000_001);
    await election.stop();
    expect(clock.pending).toBe(0);
    expect(owner.faults).toEqual([]);
  });
});
