import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { readSettings } from './settings.ts';
import { startSimulator } from './simulator.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
let child: ChildProcess | null = null;

afterEach(() => {
  child?.kill('SIGKILL');
  child = null;
});

type Ended = { code: number | null; errors: string };

function run(flags: string[]): { ended: Promise<Ended>; firstLine: Promise<string> } {
  const started = spawn(process.execPath, [MAIN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  child = started;
  let errors = '';
  started.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return {
    ended: once(started, 'close').then(([code]) => ({ code: code as number | null, errors })),
    firstLine: once(started.stdout, 'data').then(([chunk]) => String(chunk)),
  };
}

describe('the command', () => {
  it('reads flags and the environment, flags first', () => {
    expect(readSettings(['--seed', '7', '--instruments=12', '--host', '0.0.0.0'], { SIMULATOR_PORT: '9600' })).toEqual({
      port: 9600,
      host: '0.0.0.0',
      seed: 7,
      instruments: 12,
      eventsPerSecond: 500,
    });
    expect(readSettings(['--port', '1'], { SIMULATOR_PORT: '9600' })).toMatchObject({ port: 1 });
    expect(readSettings(['--full-size', '--seed', '2'], {})).toMatchObject({
      seed: 2,
      instruments: { binance: 2_000, upbit: 855, bithumb: 493 },
    });
  });

  it('lists every fault', () => {
    const faults = readSettings(['--seed', 'x', '--nope', '--instruments', '1', '--port'], { SIMULATOR_PORT: 'many' });
    expect(faults).toHaveLength(5);
    expect(faults).toContain('--nope is not a flag');
    expect(faults).toContain('--port needs a value');
  });

  it('ends with 2 on wrong flags', async () => {
    const { code, errors } = await run(['--nope', '--seed', 'x']).ended;
    expect(code).toBe(2);
    expect(errors).toContain('--nope is not a flag');
    expect(errors).toContain('--seed must be');
  });

  it('ends with 1 and one plain line when its port is taken', async () => {
    const simulator = await startSimulator({ instruments: 4 });
    const { code, errors } = await run(['--port', String(simulator.port)]).ended;
    await simulator.stop();
    expect(code).toBe(1);
    expect(errors.trim()).toBe(
      `The simulator cannot start: port ${simulator.port} is in use by another program; set SIMULATOR_PORT to a free one`,
    );
  });

  it('ends with 0 within a second of a signal', async () => {
    const { ended, firstLine } = run(['--port', '0', '--instruments', '10']);
    expect(await firstLine).toContain('http://127.0.0.1:');
    const signalledMs = Date.now();
    child!.kill('SIGTERM');
    expect((await ended).code).toBe(0);
    expect(Date.now() - signalledMs).toBeLessThan(1_000);
  });
});
