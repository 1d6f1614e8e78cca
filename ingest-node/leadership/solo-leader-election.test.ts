import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { EpochFile } from './epoch-file.ts';
import { SoloLeaderElection } from './solo-leader-election.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'epoch-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const electionAt = (seconds: number) =>
  new SoloLeaderElection(new EpochFile(join(directory, 'data')), { ...systemClock, now: () => seconds * 1000 });

describe('[EPO2] a node on its own', () => {
  test('starts at the current Unix second', async () => {
    expect((await electionAt(1_790_000_000.9).lead()).epoch).toBe(1_790_000_000);
  });

  test('goes up when it is restarted within the same second', async () => {
    expect((await electionAt(1_790_000_000).lead()).epoch).toBe(1_790_000_000);
    expect((await electionAt(1_790_000_000).lead()).epoch).toBe(1_790_000_001);
  });

  test('goes up when the clock was set back', async () => {
    await electionAt(1_790_000_000).lead();
    expect((await electionAt(1_600_000_000).lead()).epoch).toBe(1_790_000_001);
  });

  test('does not fall back when its storage was wiped', async () => {
    await electionAt(1_790_000_000).lead();
    await rm(join(directory, 'data'), { recursive: true });
    expect((await electionAt(1_790_000_005).lead()).epoch).toBe(1_790_000_005);
  });

  test('refuses to guess from a damaged file', async () => {
    await electionAt(1_790_000_000).lead();
    await writeFile(join(directory, 'data', 'epoch'), 'garbage');
    await expect(electionAt(1_790_000_001).lead()).rejects.toThrow(/should hold the last epoch.*"garbage"/);
  });
});
