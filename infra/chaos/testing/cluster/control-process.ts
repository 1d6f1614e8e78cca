import { existsSync, readFileSync } from 'node:fs';
import { ChildProgram } from './child-program.ts';

/** The machine's own stalls, as a process that does nothing else meets them. */
export class ControlProcess {
  readonly #program: ChildProgram;

  constructor(logFile: string) {
    this.#program = new ChildProgram({
      name: 'control',
      program: 'infra/chaos/testing/cluster/control-program.ts',
      logFile,
    });
  }

  start(): Promise<void> {
    return this.#program.spawn();
  }

  stop(): Promise<void> {
    return this.#program.kill();
  }

  /** The longest stall that ended or began within this time, by the machine's clock; 0 when there was none. */
  stallMs(from: number, until: number): number {
    const { logFile } = this.#program.options;
    const lines = existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').filter(Boolean) : [];
    const stalls = lines.map(line => JSON.parse(line) as { at: number; stallMs: number });
    const within = stalls.filter(({ at, stallMs }) => at >= from && at - stallMs <= until);
    return Math.max(0, ...within.map(({ stallMs }) => stallMs));
  }
}
