import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { Traffic } from '../feeds/traffic-tap.ts';
import { readReplayLine } from '../replay/replay-record.ts';
import { recordLine } from './record-line.ts';
import { TrafficRecorder } from './traffic-recorder.ts';

const clock = new ManualClock();

function frame(raw: string | Uint8Array, more: Partial<Traffic> = {}): Traffic {
  const bytes = Buffer.from(raw as string);
  const url = 'wss://api.upbit.com/websocket/v1';
  return { exchange: 'upbit', direction: 'recv', time: 1_790_000_000_000.125, feed: 'upbit-0', url, bytes, ...more };
}

const list = frame('[]', { direction: 'http', feed: null, url: 'https://api.upbit.com/v1/market/all?is_details=true' });

/** Takes everything at once, or nothing at all. */
class Reader extends Writable {
  text = '';
  isStuck = false;
  wake: () => void = () => {};
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    this.wake = done;
    if (!this.isStuck) done();
  }
  get lines(): Record<string, unknown>[] {
    return this.text
      .split('\n')
      .filter(Boolean)
      .map(line => JSON.parse(line));
  }
}

test('a recording begins with what is known, has all that follows, and costs nothing once it is closed', async () => {
  const recorder = new TrafficRecorder({ clock });
  recorder.opening = () => [{ node: 'clock', offset: 0.5 }, list];
  expect(recorder.isOpen).toBe(false);
  const reader = new Reader();
  recorder.open(reader);
  expect(recorder.isOpen).toBe(true);
  recorder.take(frame('{"type":"trade","code":"KRW-BTC"}'));
  recorder.take(frame('[{"ticket":"x"}]', { direction: 'send' }));
  recorder.note({ node: 'tick', ts: 7 });
  clock.advance(50);
  expect(reader.lines).toMatchObject([
    { node: 'clock', offset: 0.5 },
    { exchange: 'upbit', channel: 'rest_market_all', direction: 'http', feed: null, raw: '[]' },
    {
      channel: 'trade',
      direction: 'recv',
      ts: 1_790_000_000_000.125,
      feed: 'upbit-0',
      url: 'wss://api.upbit.com/websocket/v1',
      raw: '{"type":"trade","code":"KRW-BTC"}',
    },
    { channel: 'control', direction: 'send' },
    { node: 'tick', ts: 7 },
  ]);
  const closed = new Promise(resolve => reader.once('close', resolve));
  reader.destroy();
  await closed;
  expect(recorder.isOpen).toBe(false);
});

test('a reader that is too slow is ended with the reason; what it was given has no hole, and others go on', async () => {
  const recorder = new TrafficRecorder({ clock, maxWaitingBytes: 1024 * 1024 });
  const [slow, quick] = [new Reader(), new Reader()];
  slow.isStuck = true;
  recorder.open(slow);
  recorder.open(quick);
  for (let number = 0; number < 3_000; number++) {
    recorder.take(frame(JSON.stringify({ number, padding: 'x'.repeat(400) })));
    clock.advance(10);
    await null;
  }
  expect(slow.writableLength).toBeLessThan(1.1 * 1024 * 1024);
  expect(slow.writableEnded).toBe(true);
  expect(quick.lines).toHaveLength(3_000);

  // It wakes up: all that waited is whole, in order, and the last line says why it ends.
  slow.isStuck = false;
  const finished = new Promise(resolve => slow.once('finish', resolve));
  slow.wake();
  await finished;
  const lines = slow.lines;
  expect(lines.at(-1)).toEqual({ end: 'what reads it is too slow: 1 MiB waited' });
  const numbers = lines.slice(0, -1).map(line => (JSON.parse(line['raw'] as string) as { number: number }).number);
  expect(numbers).toEqual(numbers.map((_, index) => index));
  expect(numbers.length).toBeGreaterThan(1_000);
});

test('bytes come back as they came, also those that are no text', () => {
  for (const bytes of [Buffer.from('{"한":"\\u0000\n"}'), Buffer.from([0xff, 0x00, 0xfe]), Buffer.alloc(0)]) {
    const read = readReplayLine(recordLine(frame(bytes)));
    expect(read.ok && 'bytes' in read.record && Buffer.from(read.record.bytes).equals(bytes)).toBe(true);
  }
});

test.each([
  ['{"stream":"btcusdt@bookTicker","data":{}}', 'bookTicker'],
  ['{"e":"24hrTicker","s":"BTCUSDT"}', '24hrTicker'],
  ['{"ty":"orderbook","cd":"KRW-BTC"}', 'orderbook'],
  ['{"status":"UP"}', 'control'],
])('the channel of %s is %s', (raw, channel) => {
  expect(JSON.parse(recordLine(frame(raw)))).toMatchObject({ channel });
});
