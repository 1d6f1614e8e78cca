/**
 * From a frame's bytes to validated events with exact digits: our time against that of JSON.parse alone, of ccxt and of
 * tardis-dev, on the same frames in the same run.
 */
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { FrameCollection, FrameGroup } from './frame-groups.ts';
import { type Contender, geometricMean, type RaceOptions, race } from './race.ts';
import type { Rival, RivalName } from './rivals.ts';

/** Many short passes: one of a millisecond is undisturbed now and then on a busy machine, too. */
export const CONVERT_DEFAULTS: ConvertOptions = { rounds: 400, warmUpRounds: 40, framesPerPass: 100 };

export type ConvertOptions = RaceOptions & {
  /** About how many frames one pass converts, by repeating the group. */
  readonly framesPerPass: number;
};

/** Ratios of the least times; above 1 means that we are slower than the parse, or faster than the rival. */
export type GroupRatios = {
  readonly exchange: ExchangeName;
  readonly channel: string;
  readonly frames: number;
  readonly bytesPerFrame: number;
  readonly nanosecondsPerFrame: number;
  readonly toJsonParse: number;
  /** `null`: the rival does not carry this channel, or is not installed. */
  readonly speedupOverCcxt: number | null;
  readonly speedupOverTardis: number | null;
};

type Means = Pick<GroupRatios, 'toJsonParse' | 'speedupOverCcxt' | 'speedupOverTardis'>;

/**
 * Means are geometric, and every channel counts alike, however many frames of it were captured. That against a rival is over
 * the channels that it carries.
 */
export type ConvertResult = Means & {
  readonly bench: 'convert';
  readonly node: string;
  readonly frames: FrameCollection['source'];
  readonly rivals: Readonly<Partial<Record<RivalName, string>>>;
  /** The same means by the middle of the rounds instead of the least. */
  readonly byMedian: Means;
  readonly byExchange: Readonly<Partial<Record<ExchangeName, Means>>>;
  readonly byChannel: readonly GroupRatios[];
};

type Raced = { readonly least: GroupRatios; readonly median: GroupRatios };

export function runConvertBench(
  { source, groups }: FrameCollection,
  rivals: readonly Rival[],
  options: ConvertOptions,
): ConvertResult {
  const raced = groups.map(group => raceGroup(group, rivals, options));
  const least = raced.map(group => group.least);
  const exchanges = [...new Set(groups.map(({ exchange }) => exchange))];
  return {
    bench: 'convert',
    node: process.version,
    frames: source,
    rivals: Object.fromEntries(rivals.map(({ name, version }) => [name, version])),
    ...meansOf(least),
    byMedian: meansOf(raced.map(group => group.median)),
    byExchange: Object.fromEntries(
      exchanges.map(exchange => [exchange, meansOf(least.filter(group => group.exchange === exchange))]),
    ),
    byChannel: least,
  };
}

function raceGroup(group: FrameGroup, rivals: readonly Rival[], options: ConvertOptions): Raced {
  const { exchange, channel, frames, instruments } = group;
  const { convert } = EXCHANGE_ADAPTERS[exchange];
  const repeats = Math.max(1, Math.round(options.framesPerPass / frames.length));
  const receivedTime = Date.UTC(2026, 10, 22);
  const contender = (name: string, one: (frame: Buffer) => unknown): Contender => ({
    name,
    pass: () => {
      for (let repeat = 0; repeat < repeats; repeat += 1) for (const frame of frames) one(frame);
    },
  });
  const contenders = [
    contender('ours', frame => convert(frame, receivedTime, instruments)),
    contender('parse', frame => JSON.parse(frame.toString())),
  ];
  for (const rival of rivals) {
    const joined = rival.join(group);
    if (joined !== null) contenders.push(contender(rival.name, joined));
  }
  const timings = race(contenders, options);
  const ratios = (kind: 'least' | 'median'): GroupRatios => {
    const ours = timings.get('ours')![kind];
    const speedup = (name: RivalName): number | null => {
      const timing = timings.get(name);
      return timing === undefined ? null : round(timing[kind] / ours);
    };
    return {
      exchange,
      channel,
      frames: frames.length,
      bytesPerFrame: Math.round(frames.reduce((sum, frame) => sum + frame.length, 0) / frames.length),
      nanosecondsPerFrame: Math.round(ours / repeats / frames.length),
      toJsonParse: round(ours / timings.get('parse')![kind]),
      speedupOverCcxt: speedup('ccxt'),
      speedupOverTardis: speedup('tardis'),
    };
  };
  return { least: ratios('least'), median: ratios('median') };
}

function meansOf(groups: readonly GroupRatios[]): Means {
  const mean = (key: keyof Means): number | null => {
    const value = geometricMean(groups.map(group => group[key]).filter(ratio => ratio !== null));
    return value === null ? null : round(value);
  };
  return {
    toJsonParse: mean('toJsonParse') ?? Number.NaN,
    speedupOverCcxt: mean('speedupOverCcxt'),
    speedupOverTardis: mean('speedupOverTardis'),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
