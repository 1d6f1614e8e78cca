import { test } from 'vitest';
import { runMassDisconnect } from './testing/mass-disconnect.ts';

test('all sockets of the exchanges cut at once: every market is live again within the arithmetic optimum × 1.5', async () => {
  await runMassDisconnect(1.5);
}, 120_000);
