/**
 * What the log costs at 5,000 events a second with a minute of history: appending, a thousand sessions that keep up, and
 * a thousand that come back at once. Run by hand: `npx node --expose-gc shared/stream/stream.bench.ts`.
 */
import type { MarketEvent } from '../model/market-event.ts';
import { deepOrderBook, quote, ticker, trade } from '../model/testing/market-events.ts';
import { StreamCursor } from './cursor.ts';
import { StreamLog } from './stream-log.ts';
import { Publisher } from './testing/publisher.ts';

const EVENTS_PER_BATCH = 100;
const BATCHES_PER_SECOND = 50;
const SECONDS = 60;
const CURSORS = 1_000;

/** Nothing of one event is shared with another, as after decoding. */
function batchOf(number: number): MarketEvent[] {
  const events = Array.from({ length: EVENTS_PER_BATCH }, (_, index) => {
    const symbol = `C${(number * 31 + index * 7) % 600}/KRW`;
    if (index % 10 === 0) return deepOrderBook(symbol, 15);
    return index % 3 === 0 ? trade(symbol) : index % 3 === 1 ? quote(symbol) : ticker(symbol);
  });
  return JSON.parse(JSON.stringify(events));
}

function measure(what: string, times: number, run: () => unknown): void {
  const started = performance.now();
  run();
  const ms = performance.now() - started;
  console.info(`${what.padEnd(58)} ${(ms / times).toFixed(4).padStart(10)} ms each, ${ms.toFixed(0)} ms in all`);
}

function heapMiB(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return (
    (globalThis as unknown as { process: { memoryUsage(): { heapUsed: number } } }).process.memoryUsage().heapUsed /
    2 ** 20
  );
}

const batches = BATCHES_PER_SECOND * SECONDS;
const publisher = new Publisher(new StreamLog());
publisher.beginEpoch(1);
const heapBefore = heapMiB();
let appendMs = 0;
for (let number = 0; number < batches; number++) {
  const events = batchOf(number);
  const started = performance.now();
  publisher.seal(...events);
  appendMs += performance.now() - started;
  publisher.published.length = 0;
}
const { log } = publisher;
console.info(
  `append                                                     ${(appendMs / batches).toFixed(4).padStart(10)} ms each`,
);
console.info(
  `ring: ${(log.ring.bytes / 2 ** 20).toFixed(1)} MiB encoded in ${log.ring.end - log.ring.start} batches; heap grew by ${(heapMiB() - heapBefore).toFixed(0)} MiB`,
);

const cursors = Array.from({ length: CURSORS }, () => new StreamCursor(log, log.position, 'full'));
measure(`${CURSORS} caught-up cursors: one batch sealed and taken by all`, 200, () => {
  for (let number = 0; number < 200; number++) {
    publisher.seal(...batchOf(number));
    for (const cursor of cursors) {
      cursor.take();
      cursor.take();
    }
  }
});
measure('lagBytes', 1_000_000, () => {
  let bytes = 0;
  for (let number = 0; number < 1_000_000; number++) bytes += cursors[number % CURSORS]!.lagBytes;
  return bytes;
});
const { epoch, offset } = log.position;
measure('one reader comes back after 10 s', 1, () => {
  const cursor = new StreamCursor(log, { epoch, offset: offset - 50_000 }, 'full');
  while (cursor.take() !== null);
});
measure(`${CURSORS} readers come back after the same 10 s`, CURSORS, () => {
  for (let number = 0; number < CURSORS; number++) {
    const cursor = new StreamCursor(log, { epoch, offset: offset - 50_000 }, 'full');
    while (cursor.take() !== null);
  }
});
measure('one snapshot', 1, () => log.snapshotMessages('full', 'initial'));
measure('the same snapshot again', 1_000, () => {
  for (let number = 0; number < 1_000; number++) log.snapshotMessages('full', 'initial');
});
