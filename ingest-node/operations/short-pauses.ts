import { setFlagsFromString } from 'node:v8';

/**
 * Lets the collector of young objects work on this thread alone. Most of what a leader makes lives for a minute, in the
 * history, so each collection has much to move; with helpers it waits for the slowest of them, and where two cores are
 * shared that takes many times as long as the work. Measured with every market of three exchanges on two busy cores: the
 * event loop's delay was, one time in a hundred, 29 to 70 ms above an idle process's with helpers, 9 to 25 ms without.
 *
 * To be called before the work begins.
 */
export function keepPausesShort(): void {
  setFlagsFromString('--no-parallel-scavenge');
}
