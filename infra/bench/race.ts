/** What takes part: one pass over the same work as all others. */
export type Contender = { readonly name: string; readonly pass: () => void };

/** How long one pass took, in nanoseconds. Noise only ever adds time, so the least of many rounds says most. */
export type Timing = { readonly least: number; readonly median: number };

export type RaceOptions = {
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before them, for the compiler. */
  readonly warmUpRounds: number;
};

/**
 * Lets the contenders take turns within each round, each round beginning with another one: whatever the machine does
 * besides, it does to all of them. Only ratios between the timings mean something.
 */
export function race(contenders: readonly Contender[], { rounds, warmUpRounds }: RaceOptions): Map<string, Timing> {
  const taken = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const { name, pass } = contenders[(turn + round + warmUpRounds) % contenders.length]!;
      const start = process.hrtime.bigint();
      pass();
      const nanoseconds = Number(process.hrtime.bigint() - start);
      if (round >= 0) taken.get(name)!.push(nanoseconds);
    }
  }
  return new Map([...taken].map(([name, times]) => [name, { least: Math.min(...times), median: medianOf(times) }]));
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The mean for ratios: twice as fast and half as fast give 1. `null` of nothing. */
export function geometricMean(ratios: readonly number[]): number | null {
  if (ratios.length === 0) return null;
  return Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
}
