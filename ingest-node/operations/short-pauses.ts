import { setFlagsFromString } from 'node:v8';

/**
 * Sets the collector of garbage up for what a leader does. To be called before the work begins.
 *
 * Young objects are collected on this thread alone. Of what a leader makes, some lives for a minute, in the history, so
 * each collection has much to move; with helpers it waits for the slowest of them, and where two cores are shared that
 * takes many times as long as the work. Measured with every market of three exchanges on two busy cores: the event
 * loop's delay was, one time in a hundred, 29 to 70 ms above an idle process's with helpers, 9 to 25 ms without.
 *
 * And all objects begin young. While the heap is small at the start nearly everything outlives a collection, from which
 * V8 concludes that the levels of order books live long, and makes them old at once from then on. They live for
 * milliseconds, but are found dead only by the rare great collections, and until then keep their texts alive, which are
 * moved for nothing: nine tenths of all books were. Begun young, they leave the collector 0.57 of its work.
 *
 * And the old generation is collected when it has grown by six tenths. V8 lets it grow to several times of what lives:
 * with every market and 160 MB alive a node took 700 MB of memory, and 880 ten minutes later. So it takes 500, and stays.
 */
export function keepPausesShort(): void {
  setFlagsFromString('--no-parallel-scavenge');
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString('--heap-growing-percent=60');
}
