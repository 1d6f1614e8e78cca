import { FULL_SIZE, type InstrumentCounts } from './market/instruments.ts';

/** What the command line and the environment may say. */
export type SimulatorSettings = {
  port: number;
  host: string;
  seed: number;
  instruments: InstrumentCounts;
  eventsPerSecond: number;
};

type Setting = { key: keyof SimulatorSettings; fallback: number; min: number; max: number; says: string };

const NUMBERS: Record<string, Setting> = {
  '--port': { key: 'port', fallback: 9500, min: 0, max: 65_535, says: 'a port from 0 to 65535' },
  '--seed': { key: 'seed', fallback: 1, min: 0, max: 2_147_483_647, says: 'a whole number from 0 to 2147483647' },
  '--instruments': { key: 'instruments', fallback: 60, min: 4, max: 5_000, says: 'a whole number from 4 to 5000' },
  '--events-per-second': {
    key: 'eventsPerSecond',
    fallback: 500,
    min: 1,
    max: 50_000,
    says: 'a whole number from 1 to 50000',
  },
};

export const USAGE = `Usage: main.ts [${Object.keys(NUMBERS).join(' N] [')} N] [--full-size] [--host ADDRESS]`;

/** Read the settings (flags beat SIMULATOR_PORT), or list everything that is wrong with them. */
export function readSettings(
  flags: readonly string[],
  environment: Record<string, string | undefined>,
): SimulatorSettings | string[] {
  const settings: SimulatorSettings = { port: 9500, host: '127.0.0.1', seed: 1, instruments: 60, eventsPerSecond: 500 };
  const faults: string[] = [];
  const port = environment['SIMULATOR_PORT'];
  if (port !== undefined && port !== '') readNumber('SIMULATOR_PORT', port, NUMBERS['--port']!, settings, faults);
  for (let index = 0; index < flags.length; index += 1) {
    const [flag = '', inline] = flags[index]!.split('=', 2);
    const setting = NUMBERS[flag];
    if (flag === '--full-size') {
      settings.instruments = FULL_SIZE;
      continue;
    }
    if (setting === undefined && flag !== '--host') {
      faults.push(`${flag} is not a flag`);
      continue;
    }
    if (inline === undefined) index += 1;
    const value = inline ?? flags[index];
    if (value === undefined) faults.push(`${flag} needs a value`);
    else if (setting === undefined) settings.host = value;
    else readNumber(flag, value, setting, settings, faults);
  }
  return faults.length > 0 ? faults : settings;
}

function readNumber(name: string, text: string, setting: Setting, into: SimulatorSettings, faults: string[]): void {
  const value = Number(text);
  const isValid = /^\d{1,10}$/.test(text) && value >= setting.min && value <= setting.max;
  if (!isValid) faults.push(`${name} must be ${setting.says}, not ${JSON.stringify(text)}`);
  else Object.assign(into, { [setting.key]: value });
}
