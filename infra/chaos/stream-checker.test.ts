import { describe, expect, test } from 'vitest';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { candle, feed, orderBook, quote, ticker, trade } from '../../shared/model/testing/market-events.ts';
import { decodeMessage } from '../../shared/wire/json-codec.ts';
import { DeliveryRecorder } from './delivery-recorder.ts';
import { checkStream, type StreamCheck } from './stream-checker.ts';
import type { Delivery } from './stream-delivery.ts';
import type { SealedBatch } from './stream-reference.ts';

function sealed(epoch: number, first: number, ...events: readonly MarketEvent[]): SealedBatch {
  return {
    epoch,
    first,
    next: first + events.length,
    events: events.map((event, index) => ({ ...event, offset: first + index })),
  };
}

/** Epoch 5 ends at 8; epoch 7 stands at 4. */
const REFERENCE: readonly SealedBatch[] = [
  sealed(5, 1, ticker('A/KRW', { last: '1' }), trade(), quote(), orderBook()),
  sealed(5, 5, ticker('A/KRW', { last: '2' }), trade(), feed(), candle()),
  sealed(7, 1, trade(), ticker('A/KRW', { last: '3' })),
  sealed(7, 3, trade(), trade()),
];

/** What a deposed leader went on to seal. */
const DEPOSED = [sealed(5, 9, trade())];

type BatchDelivery = Delivery & { kind: 'batch' };
type SnapshotDelivery = Delivery & { kind: 'snapshot' };

function batch(index: number, more: Partial<BatchDelivery> = {}): BatchDelivery {
  const { epoch, first, next, events } = REFERENCE[index]!;
  return { kind: 'batch', writer: epoch, epoch, first, next, events, ...more };
}

const STATE_AT_5_4 = REFERENCE[0]!.events.filter(({ type }) => type !== 'trade');
const STATE_AT_5_8 = [...REFERENCE[0]!.events.slice(2), ...REFERENCE[1]!.events.filter(({ type }) => type !== 'trade')];

function snapshot(
  offset: number,
  events: readonly MarketEvent[],
  more: Partial<SnapshotDelivery> = {},
): SnapshotDelivery {
  return { kind: 'snapshot', epoch: 5, offset, reason: 'initial', recovered: true, events, ...more };
}

const GOOD: readonly Delivery[] = [
  { at: 0, kind: 'opened', position: null },
  { at: 10, ...snapshot(4, STATE_AT_5_4) },
  { at: 20, ...batch(1) },
  { at: 500, kind: 'heartbeat', epoch: 5, offset: 8 },
  { at: 900, kind: 'heartbeat', epoch: 7, offset: 0 },
  { at: 1_000, ...batch(2) },
  { at: 1_010, kind: 'opened', position: { epoch: 7, offset: 2 } },
  { at: 1_100, ...batch(3) },
  { at: 1_200, kind: 'heartbeat', epoch: 7, offset: 4 },
];

/** How a consumer that has seen more than the end of epoch 5 goes on. */
const DIVERGED: readonly Delivery[] = [
  {
    ...snapshot(2, [...STATE_AT_5_8.filter(event => event.type !== 'ticker'), REFERENCE[2]!.events[1]!]),
    epoch: 7,
    reason: 'diverged',
  },
  batch(3),
];

function rulesBroken(deliveries: readonly Delivery[], more: Partial<StreamCheck> = {}): string[] {
  const { violations } = checkStream({ reference: REFERENCE, deliveries, ...more });
  return [...new Set(violations.map(({ rule }) => rule))];
}

/** The good deliveries with one of them replaced; by nothing: left out. */
function broken(index: number, ...replacements: readonly Delivery[]): Delivery[] {
  return GOOD.toSpliced(index, 1, ...replacements);
}

describe('finds nothing wrong with', () => {
  test('a faithful delivery', () => {
    const { violations, figures } = checkStream({ reference: REFERENCE, deliveries: GOOD, maxSilenceMs: 1_500 });
    expect(violations).toEqual([]);
    expect(figures).toEqual({
      events: 8,
      trades: 4,
      batches: 3,
      snapshots: 1,
      heartbeats: 3,
      losses: [],
      longestSilenceMs: 480,
      position: { epoch: 7, offset: 4 },
    });
  });

  test('a merged batch that leaves out what it replaces', () => {
    const [first, second] = [REFERENCE[0]!.events, REFERENCE[1]!.events];
    const merged = batch(0, { next: 9, events: [...first.slice(1), ...second] });
    expect(rulesBroken([merged], { position: { epoch: 5, offset: 0 } })).toEqual([]);
  });

  test('history that still bears the name of its old writer', () => {
    const copied = batch(0, { writer: 7 });
    expect(rulesBroken([copied, batch(1), batch(2)], { position: { epoch: 5, offset: 0 } })).toEqual([]);
  });

  test('a loss that is declared, where one is acceptable', () => {
    const lost = snapshot(8, STATE_AT_5_8, { reason: 'lost', recovered: false });
    const { violations, figures } = checkStream({ reference: REFERENCE, deliveries: broken(2, lost), mayLose: true });
    expect(violations).toEqual([]);
    expect(figures.losses).toEqual([{ from: { epoch: 5, offset: 4 }, to: { epoch: 5, offset: 8 } }]);
  });

  test('the tail of a deposed leader, if the consumer is told that it diverged', () => {
    const tail: Delivery = { kind: 'batch', writer: 5, ...DEPOSED[0]! };
    const deliveries = [...GOOD.slice(0, 3), tail, ...DIVERGED];
    expect(rulesBroken(deliveries, { deposed: DEPOSED })).toEqual([]);
    expect(rulesBroken(deliveries)).toEqual(['ORD2', 'CNF1']);
  });

  test('a trade that is fetched under another id and left out, because the consumer had it before it diverged', () => {
    const [, , , late] = REFERENCE;
    const had = DEPOSED[0]!.events[0]!;
    const reference = [
      ...REFERENCE.slice(0, 3),
      { ...late!, events: [{ ...had, offset: 3, id: 'fetched' }, late!.events[1]!] },
    ];
    const left = batch(3, { events: [late!.events[1]!] });
    const deliveries = [...GOOD.slice(0, 3), { kind: 'batch' as const, writer: 5, ...DEPOSED[0]! }, DIVERGED[0]!, left];
    const isFetched = (is: boolean) =>
      reference.with(3, {
        ...late!,
        events: reference[3]!.events.map(event =>
          event.type === 'trade' && event.id === 'fetched' && is ? { ...event, backfilled: true } : event,
        ),
      });
    expect(rulesBroken(deliveries, { reference: isFetched(true), deposed: DEPOSED })).toEqual([]);
    expect(rulesBroken(deliveries, { reference: isFetched(false), deposed: DEPOSED })).toEqual(['CNF1', 'TRD1']);
  });

  test('the lite cut without order books', () => {
    const noBook = (events: readonly MarketEvent[]) => events.filter(({ type }) => type !== 'orderBook');
    const deliveries = [snapshot(4, noBook(STATE_AT_5_4)), batch(1)];
    expect(rulesBroken(deliveries, { cut: 'lite' })).toEqual([]);
    expect(rulesBroken([snapshot(4, STATE_AT_5_4)], { cut: 'lite' })).toEqual(['SNP1']);
  });
});

describe('finds out', () => {
  const events = REFERENCE[1]!.events;
  const replaced = (index: number, event: MarketEvent) => events.with(index, event);

  test.each<[rule: string, fault: string, deliveries: Delivery[], more?: Partial<StreamCheck>]>([
    ['ORD1', 'offsets out of order', broken(2, batch(1, { events: [events[1]!, events[0]!, ...events.slice(2)] }))],
    ['ORD1', 'an offset twice in a batch', broken(2, batch(1, { events: [...events, events[3]!] }))],
    [
      'ORD1',
      'an event that was changed',
      broken(2, batch(1, { events: replaced(0, { ...ticker('A/KRW', { last: '9' }), offset: 5 }) })),
    ],
    ['ORD1', 'a batch that covers nothing', broken(3, batch(1, { first: 9, next: 9, events: [] }))],
    ['TRM1', 'a batch that was delivered twice', [...GOOD.slice(0, 3), ...GOOD.slice(2)]],
    ['ORD2', 'epochs that go back', [...GOOD, batch(1)]],
    [
      'ORD2',
      'an event that nobody published',
      [...GOOD, batch(3, { first: 5, next: 6, events: [{ ...trade(), offset: 5 }] })],
    ],
    ['ORD2', 'a writer from before its epoch', broken(5, batch(2, { writer: 6 }))],
    [
      'ORD2',
      'a deposed leader who is believed after the first record of its successor',
      [...GOOD.slice(0, 2), batch(1, { writer: 7 }), { kind: 'batch', writer: 5, ...DEPOSED[0]! }, ...DIVERGED],
      { deposed: DEPOSED },
    ],
    [
      'ORD2',
      'a snapshot that takes the consumer back',
      [...GOOD, snapshot(8, STATE_AT_5_8, { reason: 'lost', recovered: false })],
    ],
    ['GAP1', 'a batch that is missing in an epoch', [batch(1)], { position: { epoch: 5, offset: 2 } }],
    ['EPO1', 'the end of an epoch that is missing', broken(2)],
    [
      'GAP1',
      'a loss where none is acceptable',
      broken(2, snapshot(8, STATE_AT_5_8, { reason: 'lost', recovered: false })),
    ],
    [
      'GAP1',
      'a loss that is called recovered',
      broken(2, snapshot(8, STATE_AT_5_8, { reason: 'lost' })),
      { mayLose: true },
    ],
    [
      'GAP1',
      'a loss that was none',
      [...GOOD.slice(0, 3), snapshot(8, STATE_AT_5_8, { reason: 'lost', recovered: false }), ...GOOD.slice(3)],
      { mayLose: true },
    ],
    ['EPO1', 'a divergence that was none', [...GOOD.slice(0, 3), snapshot(8, STATE_AT_5_8, { reason: 'diverged' })]],
    ['SNP1', 'a batch before the first snapshot', broken(1)],
    ['SNP1', 'a snapshot between batch boundaries', broken(1, snapshot(3, STATE_AT_5_4.slice(0, 2)))],
    ['SNP1', 'a snapshot that lacks something', broken(1, snapshot(4, STATE_AT_5_4.slice(1)))],
    ['SNP1', 'a snapshot that holds an old value', broken(2, snapshot(8, STATE_AT_5_4)), { mayLose: true }],
    ['SNP1', 'a snapshot with a trade in it', broken(1, snapshot(4, REFERENCE[0]!.events))],
    ['SNP1', 'a snapshot that holds something twice', broken(1, snapshot(4, [...STATE_AT_5_4, STATE_AT_5_4[0]!]))],
    ['SNP1', 'a snapshot that knows too much', broken(1, snapshot(4, [...STATE_AT_5_4, quote('Z/KRW')]))],
    [
      'SNP1',
      'a first snapshot that declares a loss',
      broken(1, snapshot(4, STATE_AT_5_4, { reason: 'lost', recovered: false })),
    ],
    ['RES1', 'a consumer that had to begin anew', [...GOOD.slice(0, 3), snapshot(8, STATE_AT_5_8)]],
    [
      'RES1',
      'a path that was opened at another position',
      broken(6, { kind: 'opened', position: { epoch: 7, offset: 1 } }),
    ],
    [
      'CNF1',
      'a trade that was left out',
      broken(2, batch(1, { events: events.filter(({ type }) => type !== 'trade') })),
    ],
    [
      'CNF1',
      'a feed state that was left out',
      broken(2, batch(1, { events: events.filter(({ type }) => type !== 'feed') })),
    ],
    ['CNF1', 'a ticker that was left out without a later one', broken(2, batch(1, { events: events.slice(1) }))],
    ['CNF1', 'a batch that ends within a sealed one', broken(2, batch(1, { next: 7, events: events.slice(0, 2) }))],
    ['CUT1', 'an order book in the lite cut', [batch(0)], { cut: 'lite', position: { epoch: 5, offset: 0 } }],
    [
      'TRD1',
      'a trade that came twice',
      [...GOOD, batch(3, { first: 5, next: 6, events: [{ ...REFERENCE[3]!.events[0]!, offset: 5 }] })],
    ],
    ['TRD1', 'a trade that never came', broken(5)],
    ['HB1', 'a heartbeat that was passed over', broken(2)],
    ['HB1', 'silence', [...GOOD, { at: 2_800, kind: 'heartbeat', epoch: 7, offset: 4 }], { maxSilenceMs: 1_500 }],
    [
      'HB1',
      'heartbeats that are invented',
      [...GOOD, ...Array.from({ length: 22 }, (_, index) => ({ ...GOOD[8]!, at: 1_200 + index }))],
    ],
  ])('[%s] %s', (rule, _, deliveries, more) => expect(rulesBroken(deliveries, more)).toContain(rule));

  test('[TRD1] a trade that its leader published twice', () => {
    const [first, second] = REFERENCE;
    const twice = sealed(5, 9, first!.events[1]!);
    const reference = [first!, second!, twice];
    expect(checkStream({ reference, deliveries: [] }).violations).toMatchObject([{ rule: 'TRD1' }]);
  });

  test('[HB1] silence of a server that is seeking is none', () => {
    const deliveries: Delivery[] = [
      ...GOOD,
      { at: 1_300, kind: 'status', upstream: 'seeking' },
      { at: 4_000, kind: 'status', upstream: 'live' },
    ];
    expect(rulesBroken(deliveries, { maxSilenceMs: 1_500 })).toEqual([]);
  });

  test('where it was, in plain words', () => {
    expect(checkStream({ reference: REFERENCE, deliveries: broken(7) }).violations[0]).toEqual({
      rule: 'HB1',
      delivery: 7,
      text: 'a heartbeat at 7:4 was passed over although the consumer was at 7:2',
    });
  });
});

describe('the recorder', () => {
  test('writes down what callbacks got', () => {
    const recorder = new DeliveryRecorder(() => 1);
    recorder.opened(null);
    recorder.snapshot({ position: { epoch: 5, offset: 4 }, reason: 'initial', recovered: true, events: STATE_AT_5_4 });
    for (const index of [1, 2, 3]) recorder.batch(batch(index));
    recorder.heartbeat({ epoch: 7, offset: 4 });
    expect(rulesBroken(recorder.deliveries)).toEqual([]);
    expect(recorder.position).toEqual({ epoch: 7, offset: 4 });
  });

  test('[SNP1] [TRM1] joins the parts of wire messages, and trims what a resume repeats', () => {
    const recorder = new DeliveryRecorder(() => 1);
    const say = (message: object) => {
      const decoded = decodeMessage(JSON.stringify(message));
      if (decoded.ok) recorder.message(decoded.message);
    };
    const whole = { type: 'snapshot', epoch: 5, offset: 4, parts: 2, reason: 'initial', recovered: true, lineage: [] };
    say({ ...whole, part: 1, events: STATE_AT_5_4.slice(0, 1) });
    say({ ...whole, part: 2, events: STATE_AT_5_4.slice(1) });
    const merged = { type: 'batch', writer: 5, epoch: 5, first: 1, next: 9 };
    say({ ...merged, part: 1, parts: 2, events: REFERENCE[0]!.events });
    say({ ...merged, part: 2, parts: 2, events: REFERENCE[1]!.events });
    say({ ...merged, events: [] });
    say({ ...merged, first: 9, events: [] });
    say({ type: 'status', upstream: 'live', since: 1 });
    expect(recorder.deliveries.map(({ kind }) => kind)).toEqual(['snapshot', 'batch', 'heartbeat', 'status']);
    expect(rulesBroken(recorder.deliveries)).toEqual([]);
  });
});
