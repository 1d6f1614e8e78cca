import { test } from 'vitest';
import { runFullSize } from './testing/full-size.ts';

test('every market of three exchanges with faults throughout: every trade arrives, the last state is the true one, nobody is banned, memory and event loop stay calm', async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));
  console.log(`SEED=${seed}`);
  const seconds = Number(process.env['SECONDS'] ?? 600);
  await runFullSize({ seconds, eventsPerSecond: 5_000, meanMsBetweenFaults: 12_000, seed });
}, 1_300_000);
