/** Repeatable randomness whose seed is printed, so that a failing run can be run again (mulberry32). */
export function printedRandom(name: string, seed: number = Date.now() % 2 ** 31): () => number {
  console.info(`${name}: random seed ${seed}`);
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
