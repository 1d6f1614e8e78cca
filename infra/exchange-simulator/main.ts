import { EXCHANGES } from './market/instruments.ts';
import { readSettings, USAGE } from './settings.ts';
import { startSimulator } from './simulator.ts';

const settings = readSettings(process.argv.slice(2), process.env);
if (Array.isArray(settings)) {
  for (const fault of settings) console.error(fault);
  console.error(USAGE);
  process.exit(2);
}

const starting = startSimulator(settings);

/** Sockets are cut, nothing has to be saved: whatever hangs is left behind with the process. */
function stop(): void {
  setTimeout(() => process.exit(0), 800).unref();
  void starting.then(simulator => simulator.stop()).finally(() => process.exit(0));
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

try {
  const { url } = await starting;
  console.log(`Exchange simulator on ${url} (${EXCHANGES.join(', ')}; seed ${settings.seed})`);
} catch (error) {
  console.error(`The simulator cannot start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
