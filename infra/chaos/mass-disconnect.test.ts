import { test } from 'vitest';
import { runMassDisconnect } from './testing/mass-disconnect.ts';

// How near to the optimum is for the long run, where nothing else wants this machine.
test('all sockets of the exchanges cut at once: no storm, no ban, and every market is live again', async () => {
  await runMassDisconnect(5);
}, 120_000);
