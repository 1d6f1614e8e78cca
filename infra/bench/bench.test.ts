import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EXCHANGE_ADAPTERS } from '../../ingest-node/exchanges/registry.ts';
import { runConvertBench } from './convert-bench.ts';
import { collectFrames, composedGroups, type FrameGroup } from './frame-groups.ts';
import { runIngestBench } from './ingest-bench.ts';
import { createMarketFrames } from './market-frames.ts';
import { geometricMean, medianOf, race } from './race.ts';
import { onlyIfItCarries, type Rival } from './rivals.ts';
import { convertTable, ingestTable } from './tables.ts';

const tiny = { rounds: 2, warmUpRounds: 0, framesPerPass: 4 };
const groups = composedGroups(400);

/** Takes twice the work of JSON.parse, and carries trades only. */
const halfFast: Rival = {
  name: 'tardis',
  version: '0.0.0',
  join: group =>
    group.channel === 'trade' ? frame => [JSON.parse(frame.toString()), JSON.parse(frame.toString())].length : null,
};

describe('bench', () => {
  it('lets contenders take turns, each round beginning with another', () => {
    const turns: string[] = [];
    const contenders = ['a', 'b'].map(name => ({ name, pass: () => void turns.push(name) }));
    const timings = race(contenders, { rounds: 2, warmUpRounds: 1 });
    expect(turns.join('')).toBe('abbaab');
    expect([...timings.keys()]).toEqual(['a', 'b']);
    for (const { least, median } of timings.values()) expect(least).toBeLessThanOrEqual(median);
  });

  it('takes medians, and means of ratios', () => {
    expect([medianOf([3, 1, 2]), medianOf([4, 1, 2, 3])]).toEqual([2, 2.5]);
    expect(geometricMean([0.5, 2])).toBeCloseTo(1);
    expect(geometricMean([])).toBeNull();
  });

  it('composes frames of every channel, all of which convert', () => {
    expect(groups.map(({ exchange, channel }) => `${exchange} ${channel}`)).toEqual([
      ...['binance trade', 'binance ticker', 'binance bookTicker', 'binance depth20', 'binance kline_1m'],
      ...['binance depth@100ms', 'upbit trade', 'upbit ticker', 'upbit orderbook', 'upbit candle.1m'],
      ...['bithumb trade', 'bithumb ticker', 'bithumb orderbook'],
    ]);
  });

  it('writes the same frames for the same seed', () => {
    const [one, same, other] = [1, 1, 2].map(seed => createMarketFrames({ instruments: 9, frames: 50, seed }).frames);
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  it('writes what a node subscribes to, and nothing else', () => {
    const { frames, instruments } = createMarketFrames({ instruments: 40, frames: 4_000 });
    for (const exchange of ['binance', 'upbit', 'bithumb'] as const) {
      const channels = new Set(frames.filter(frame => frame.exchange === exchange).map(({ channel }) => channel));
      expect([...channels].sort()).toEqual([...EXCHANGE_ADAPTERS[exchange].channels].sort());
    }
    expect([...instruments.values()].reduce((sum, { size }) => sum + size, 0)).toBe(40);
  });

  it('compares without rivals, and with one that carries a part', () => {
    const alone = runConvertBench({ source: 'composed', groups }, [], tiny);
    expect(alone).toMatchObject({ bench: 'convert', rivals: {}, speedupOverCcxt: null, speedupOverTardis: null });
    expect(alone.toJsonParse).toBeGreaterThan(0);
    expect(Object.keys(alone.byExchange)).toEqual(['binance', 'upbit', 'bithumb']);
    const compared = runConvertBench({ source: 'composed', groups }, [halfFast], tiny);
    for (const { channel, speedupOverTardis } of compared.byChannel) {
      expect(speedupOverTardis !== null).toBe(channel === 'trade');
    }
    expect(JSON.parse(JSON.stringify(compared))).toEqual(compared);
    const table = convertTable(compared);
    expect(table).toContain('upbit orderbook');
    expect(table).toContain('× tardis: over 3 of 13 channels; it gives nothing for binance ticker, ');
    expect(table).not.toContain('× ccxt:');
  });

  it('compares a rival only where it gives something for every frame, each time', () => {
    const group = groups[0] as FrameGroup;
    let asked = 0;
    expect(onlyIfItCarries(group, () => 1)).not.toBeNull();
    expect(onlyIfItCarries(group, frame => (frame === group.frames[0] ? 0 : 1))).toBeNull();
    expect(onlyIfItCarries(group, () => (asked++ < group.frames.length ? 1 : 0))).toBeNull();
  });

  it('measures the way from bytes to sealed events', () => {
    const result = runIngestBench({ instruments: [9, 30], warmUpFrames: 200, measuredFrames: 200, rounds: 1 });
    expect(result.bySize.map(({ instruments, frames }) => [instruments, frames])).toEqual([
      [9, 200],
      [30, 200],
    ]);
    for (const { eventsPerFrame, garbageShare } of result.bySize) {
      expect(eventsPerFrame).toBeGreaterThan(0.2);
      expect(garbageShare).toBeGreaterThanOrEqual(0);
      expect(garbageShare).toBeLessThan(1);
    }
    expect(ingestTable(result)).toContain('30 instruments');
  });

  const captures = new URL('../../../shared/data/frames/', import.meta.url);
  it.skipIf(!existsSync(captures))(
    'takes captured frames (skipped where no collection of them lies next to the repository)',
    () => {
      const { source, groups: captured } = collectFrames();
      expect(source).toBe('captured');
      expect(captured.length).toBe(13);
    },
  );
});
