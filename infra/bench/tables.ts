/** The results as a person reads them. */
import type { ConvertResult, GroupRatios } from './convert-bench.ts';
import type { IngestResult } from './ingest-bench.ts';
import type { RivalName } from './rivals.ts';

export function convertTable(result: ConvertResult): string {
  const rows = [
    ...result.byChannel.map(group => [
      `${group.exchange} ${group.channel}`,
      String(group.frames),
      String(group.bytesPerFrame),
      (group.nanosecondsPerFrame / 1000).toFixed(1),
      ...ratios(group),
    ]),
    ['all, geometric mean', '', '', '', ...ratios(result)],
    ['the same by medians', '', '', '', ...ratios(result.byMedian)],
  ];
  const rivals = Object.entries(result.rivals).map(([name, version]) => `, ${name} ${version}`);
  return [
    `Node ${result.node}, ${result.frames} frames${rivals.join('')}`,
    ...aligned([['', 'frames', 'bytes', 'µs', '÷ JSON.parse', '× ccxt', '× tardis'], ...rows]),
    ...shareOf('ccxt', result, group => group.speedupOverCcxt),
    ...shareOf('tardis', result, group => group.speedupOverTardis),
  ].join('\n');
}

/** Which channels a rival is compared on; nothing of one that is not there. */
function shareOf(name: RivalName, result: ConvertResult, ratio: (of: GroupRatios) => number | null): string[] {
  if (result.rivals[name] === undefined) return [];
  const without = result.byChannel.filter(group => ratio(group) === null);
  const names = without.map(({ exchange, channel }) => `${exchange} ${channel}`);
  const share = `× ${name}: over ${result.byChannel.length - without.length} of ${result.byChannel.length} channels`;
  return [names.length === 0 ? share : `${share}; it gives nothing for ${names.join(', ')}`];
}

export function ingestTable(result: IngestResult): string {
  const rows = result.bySize.map(size => [
    `${size.instruments} instruments`,
    String(size.frames),
    size.microsecondsPerFrame.toFixed(1),
    size.medianMicrosecondsPerFrame.toFixed(1),
    `${Math.round(size.garbageShare * 100)} %`,
    size.eventsPerFrame.toFixed(2),
    String(size.bytesPerFrame),
  ]);
  return [
    `Node ${result.node}; the most instruments cost ${result.growth} times the fewest`,
    ...aligned([['', 'frames', 'µs/frame', 'median', 'garbage', 'events/frame', 'bytes/frame'], ...rows]),
  ].join('\n');
}

function ratios(of: Pick<ConvertResult, 'toJsonParse' | 'speedupOverCcxt' | 'speedupOverTardis'>): string[] {
  return [of.toJsonParse, of.speedupOverCcxt, of.speedupOverTardis].map(ratio => ratio?.toFixed(2) ?? '–');
}

/** First column to the left, the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows.map(row =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  );
}
