import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';

/**
 * One process, beyond doubt. A number alone is given to the next process after a crash or a reboot; together with the
 * moment the process began it is not.
 */
export interface ProcessMark {
  readonly pid: number;
  /** Opaque; only compared. */
  readonly startedAt: string;
}

/** The process that has this number now; `null` when there is none, or only the remains of one. */
export function markOf(pid: number): ProcessMark | null {
  const startedAt = process.platform === 'linux' ? startOnLinux(pid) : startElsewhere(pid);
  return startedAt === null ? null : { pid, startedAt };
}

/** Whether exactly this process still runs. */
export function isAlive(mark: ProcessMark): boolean {
  return markOf(mark.pid)?.startedAt === mark.startedAt;
}

/** Sends a signal to exactly this process. @returns whether it was there */
export function signal(mark: ProcessMark, name: NodeJS.Signals): boolean {
  try {
    return isAlive(mark) && process.kill(mark.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

export function writeMark(file: string, mark: ProcessMark, flag: 'w' | 'wx' = 'w'): void {
  writeFileSync(file, `${JSON.stringify(mark)}\n`, { flag });
}

/** What a pid file says; `null` without one, and for one that a crash left torn. */
export function readMark(file: string): ProcessMark | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const { pid, startedAt } = (value ?? {}) as Partial<ProcessMark>;
    return Number.isInteger(pid) && typeof startedAt === 'string' ? { pid: Number(pid), startedAt } : null;
  } catch {
    return null;
  }
}

export function removeMark(file: string): void {
  rmSync(file, { force: true });
}

/** proc_pid_stat(5): the state is field 3, the start in ticks since the boot field 22; the name may hold anything. */
function startOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()} ${fields[19]}`;
  } catch {
    return null;
  }
}

function startElsewhere(pid: number): string | null {
  try {
    const text = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return text === '' || text.startsWith('Z') ? null : text.slice(text.indexOf(' ')).trim();
  } catch {
    return null;
  }
}
