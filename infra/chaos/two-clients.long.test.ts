import { test } from 'vitest';
import { runTwoClients } from './testing/two-clients.ts';

test('[ORD1] [GAP1] [SNP1] [RES1] [TRM1] [HB1] [CNF1] [TRD1] [SLO1] five minutes: two clients whose links are cut at random miss nothing and get nothing twice', async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));
  console.log(`SEED=${seed}`);
  await runTwoClients({
    seconds: 300,
    instruments: 200,
    eventsPerSecond: 500,
    meanMsBetweenCuts: 4_000,
    seed,
    squeezedBytesPerSecond: 100_000,
    expectsConflation: true,
  });
}, 400_000);
