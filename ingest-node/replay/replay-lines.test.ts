import { expect, test } from 'vitest';
import { RECORDING_VERSION, type RunBeginning } from '../recording/run-record.ts';
import { replayLines } from './replay-lines.ts';
import { ReplayPipeline } from './replay-pipeline.ts';
import { ReplayedRun } from './replayed-run.ts';

const BEGINNING: RunBeginning = {
  node: 'begin',
  version: RECORDING_VERSION,
  ts: 1_790_000_000_000,
  isWhole: true,
  exchanges: ['upbit'],
  simulatorUrl: null,
  deltaSymbols: {},
  offset: 0,
  monotonic: 0,
  random: 1,
};

async function replay(records: readonly object[]) {
  const types: string[] = [];
  const publish = (events: readonly { type: string }[]) => types.push(...events.map(({ type }) => type));
  async function* lines() {
    for (const record of records) yield JSON.stringify(record);
  }
  const report = await replayLines(lines(), {
    pipeline: new ReplayPipeline({ knownInstruments: () => [], publish, startTime: 0 }),
    createRun: beginning => new ReplayedRun(beginning, { publish }),
    before: async () => {},
  });
  return { report, types };
}

const url = 'https://api.upbit.com/v1/market/all?is_details=true';
const list = { exchange: 'upbit', channel: 'rest_market_all', direction: 'http', ts: 1_790_000_000_001, url };
const markets = { ...list, raw: '[{"market":"KRW-BTC","korean_name":"비트코인","english_name":"Bitcoin"}]' };
const trade = {
  exchange: 'upbit',
  channel: 'trade',
  direction: 'recv',
  ts: 1_790_000_000_500.25,
  feed: 'upbit-0',
  raw: '{"type":"trade","code":"KRW-BTC","timestamp":1790000000500,"trade_timestamp":1790000000417,"trade_price":9.1E7,"trade_volume":1,"ask_bid":"BID","sequential_id":1,"stream_type":"REALTIME"}',
};
const state = { key: 'upbit-0', state: 'live', since: 1_790_000_000_400, reason: null };
const run = [
  { node: 'call', ts: BEGINNING.ts, call: { name: 'start' } },
  { node: 'returned', exchange: 'upbit' },
  { node: 'done' },
  markets,
  { node: 'listed', exchange: 'upbit', ts: 1_790_000_000_002 },
  { node: 'carries', exchange: 'upbit', feed: 'upbit-0', codes: ['KRW-BTC'] },
  { node: 'state', exchange: 'upbit', ts: 1_790_000_000_400, report: state },
  trade,
];

test('what the feeds of a recorded leader did is told in its order, and each file is a life of its own', async () => {
  const { report, types } = await replay([BEGINNING, ...run, BEGINNING, ...run]);
  expect(types.join()).toBe('feed,trade,feed,trade');
  expect(report).toMatchObject({ records: 18, data: 2, rejected: 0, marketLists: 2, instruments: 2, faults: 0 });
});

test('a recording of frames and bodies alone is converted like any capture', async () => {
  const { report, types } = await replay([markets, trade]);
  expect(types).toContain('trade');
  expect(report).toMatchObject({ data: 1, marketLists: 1, skipped: 0 });
});

test('the part of a recording that lacks its beginning is converted like a capture, too', async () => {
  const { report, types } = await replay(run);
  expect(types).toContain('trade');
  expect(report).toMatchObject({ data: 1, faults: 0 });
});

test('a recording of another version is refused in words', async () => {
  await expect(replay([{ ...BEGINNING, version: 3 }, ...run])).rejects.toThrow(
    'the recording is of version 3, and this program replays version 2',
  );
});
