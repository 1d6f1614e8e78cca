import { expect, test } from 'vitest';
import { numberedTrade } from '../../shared/model/testing/market-events.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import type { Lineage } from '../../shared/wire/position.ts';
import { voidEvents } from './void-events.ts';

/** A log with trades 1–2 of epoch 5 and 3–5 of epoch 6. */
function log() {
  const publisher = new Publisher();
  publisher.beginEpoch(5);
  publisher.seal(numberedTrade(1), numberedTrade(2));
  publisher.beginEpoch(6);
  publisher.seal(numberedTrade(3));
  publisher.seal(numberedTrade(4), numberedTrade(5));
  return publisher.log;
}

function voided(lineage: Lineage, reason: 'diverged' | 'lost' = 'diverged'): string[] {
  const position = { epoch: 9, offset: 0 };
  const snapshot = { position, writer: 9, reason, recovered: true, lineage, events: [] };
  return voidEvents(log(), snapshot).map(event => (event.type === 'trade' ? event.id : event.type));
}

test('[EPO1] [TRD1] what was sealed past the end of an epoch is known to no successor', () => {
  expect(
    voided([
      { epoch: 5, end: 2 },
      { epoch: 6, end: 2 },
    ]),
  ).toEqual(['5']);
  expect(
    voided([
      { epoch: 5, end: 2 },
      { epoch: 6, end: 3 },
    ]),
  ).toEqual([]);
});

test('nor is a whole epoch that nobody else has heard of', () => {
  expect(voided([{ epoch: 5, end: 2 }])).toEqual(['3', '4', '5']);
});

test('who has lost its place does not hear what the others publish of it', () => {
  expect(voided([{ epoch: 6, end: 1 }], 'lost')).toEqual([]);
});
