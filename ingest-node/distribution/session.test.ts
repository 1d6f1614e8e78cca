import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import { numberedTrade, orderBook, quote } from '../../shared/model/testing/market-events.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import type { Batch, ServerMessage } from '../../shared/wire/messages.ts';
import type { Position } from '../../shared/wire/position.ts';
import { Distributor } from './distributor.ts';
import { DEFAULT_SESSION_BOUNDS, type SessionBounds, type SessionSocket } from './session.ts';
import { SessionRegistry } from './session-registry.ts';

/** A socket whose reader decides when bytes leave. */
class HeldSocket implements SessionSocket {
  bufferedBytes = 0;
  isReading = true;
  readonly messages: ServerMessage[] = [];
  readonly texts: string[] = [];
  closed: number | 'terminated' | null = null;
  #held: { bytes: number; sent: (() => void) | undefined }[] = [];

  send(text: string, sent?: () => void): void {
    this.texts.push(text);
    if (text.startsWith('{')) this.messages.push(JSON.parse(text));
    if (this.isReading) return;
    this.bufferedBytes += text.length;
    this.#held.push({ bytes: text.length, sent });
  }

  /** Lets everything that is held leave. */
  drain(): void {
    const held = this.#held;
    this.#held = [];
    this.bufferedBytes = 0;
    for (const { sent } of held) sent?.();
  }

  close(code: number): void {
    this.closed = code;
  }

  terminate(): void {
    this.closed = 'terminated';
  }

  get batches(): Batch[] {
    return this.messages.filter(message => message.type === 'batch');
  }
}

function setUp(bounds: Partial<SessionBounds> = {}) {
  const clock = new ManualClock();
  const log = new StreamLog();
  const registry = new SessionRegistry({
    server: 'node-1',
    log,
    clock,
    bounds: { ...DEFAULT_SESSION_BOUNDS, ...bounds },
  });
  const distributor = new Distributor({ log, clock, onHeartbeat: () => registry.heartbeat() });
  distributor.begin({ epoch: 7, mayWrite: () => true }, []);
  registry.setUpstream('live');
  const seal = (...events: Parameters<Distributor['offer']>[0]) => {
    distributor.offer(events);
    distributor.seal();
  };
  const connect = (position: Position | null = null, cut: 'full' | 'lite' = 'full') => {
    const socket = new HeldSocket();
    return { socket, session: registry.add(socket, position, cut) };
  };
  return { clock, log, registry, distributor, seal, connect };
}

/** A session that is told more than it may owe whenever its reader pauses. */
function overflowing() {
  const { clock, seal, connect } = setUp({ highWaterBytes: 1_000, maxLagBytes: 20_000 });
  const { socket, session } = connect();
  let id = 0;
  const overflow = () => {
    socket.isReading = false;
    for (let count = 0; count < 200; count++) seal(numberedTrade(++id));
    socket.isReading = true;
    socket.drain();
  };
  return { clock, socket, session, overflow };
}

test('[SNP1] a new client is greeted, told the upstream, and gets a snapshot and then every batch', () => {
  const { seal, connect } = setUp();
  seal(quote('BTC/KRW', { bid: '1' }), numberedTrade(1));
  const { socket } = connect();
  seal(numberedTrade(2));
  expect(socket.messages).toMatchObject([
    { type: 'hello', server: 'node-1', cut: 'full', epoch: 7, offset: 2, lineage: [] },
    { type: 'status', upstream: 'live' },
    {
      type: 'snapshot',
      epoch: 7,
      offset: 2,
      part: 1,
      parts: 1,
      reason: 'initial',
      recovered: true,
      events: [{ bid: '1' }],
    },
    { type: 'batch', first: 3, next: 4, events: [{ offset: 3 }] },
  ]);
});

test('[RES1] a client with a position in history gets exactly what follows it', () => {
  const { seal, connect } = setUp();
  for (let id = 1; id <= 5; id++) seal(numberedTrade(id));
  const { socket } = connect({ epoch: 7, offset: 3 });
  expect(socket.messages.map(message => message.type)).toEqual(['hello', 'status', 'batch']);
  expect(socket.batches).toMatchObject([{ first: 4, next: 6, events: [{ offset: 4 }, { offset: 5 }] }]);
});

test('[HB1] the heartbeat stands at the position this session was sent, and only when it has everything', async () => {
  const { clock, seal, connect } = setUp({ highWaterBytes: 1_000 });
  seal(numberedTrade(1));
  const { socket } = connect();
  await clock.advanceAndSettle(500);
  expect(socket.messages.at(-1)).toEqual({ type: 'batch', writer: 7, epoch: 7, first: 2, next: 2, events: [] });
  socket.isReading = false;
  const before = socket.messages.length;
  seal(...Array.from({ length: 900 }, (_, id) => numberedTrade(id + 2)));
  seal(numberedTrade(2_000));
  await clock.advanceAndSettle(500);
  expect(socket.messages.slice(before).every(message => message.type === 'batch' && message.events.length > 0)).toBe(
    true,
  );
});

describe('[SLO1] a slow session', () => {
  test('keeps every trade and has the rest conflated, in one merged batch', () => {
    const { seal, connect } = setUp({ highWaterBytes: 1_000 });
    const { socket } = connect();
    socket.isReading = false;
    for (let id = 1; id <= 50; id++) seal(quote('BTC/KRW', { bid: String(id) }), numberedTrade(id));
    const sent = socket.batches.length;
    expect(sent).toBeLessThan(5);
    socket.isReading = true;
    socket.drain();
    const merged = socket.batches.at(-1)!;
    expect(merged.next).toBe(101);
    expect(merged.events.filter(event => event.type === 'quote')).toHaveLength(1);
    expect(
      socket.batches.flatMap(batch => batch.events.filter(event => event.type === 'trade').map(trade => trade.id)),
    ).toEqual(Array.from({ length: 50 }, (_, index) => numberedTrade(index + 1).id));
  });

  test('loses its backlog once beyond its bound, with a snapshot that says so', () => {
    const { seal, connect } = setUp({ highWaterBytes: 1_000, maxLagBytes: 20_000 });
    const { socket, session } = connect();
    socket.isReading = false;
    for (let id = 1; id <= 200; id++) seal(numberedTrade(id));
    expect(session.losses).toBe(1);
    expect(socket.closed).toBeNull();
    socket.isReading = true;
    socket.drain();
    expect(socket.messages.at(-1)).toMatchObject({ type: 'snapshot', reason: 'lost', recovered: false, offset: 200 });
    seal(numberedTrade(201));
    expect(socket.messages.at(-1)).toMatchObject({ type: 'batch', first: 201 });
  });

  test('is closed with a code when it happens again within a minute', () => {
    const { socket, overflow } = overflowing();
    overflow();
    expect(socket.closed).toBeNull();
    overflow();
    expect(socket.closed).toBe(4002);
  });

  test('is forgiven after a minute', () => {
    const { clock, socket, session, overflow } = overflowing();
    overflow();
    clock.sleep(61_000);
    overflow();
    expect(session.losses).toBe(2);
    expect(socket.closed).toBeNull();
  });

  test('that moves nothing for half a minute is dead and is cut', async () => {
    const { clock, seal, connect } = setUp({ highWaterBytes: 1_000 });
    const { socket } = connect();
    socket.isReading = false;
    for (let id = 1; id <= 50; id++) seal(numberedTrade(id));
    await clock.advanceAndSettle(29_000);
    expect(socket.closed).toBeNull();
    await clock.advanceAndSettle(2_000);
    expect(socket.closed).toBe('terminated');
  });
});

test('[CUT1] the lite cut has no order books and its batches cover the same offsets', () => {
  const { seal, connect } = setUp();
  const { socket } = connect(null, 'lite');
  seal(orderBook());
  seal(numberedTrade(1));
  expect(socket.batches).toMatchObject([
    { first: 1, next: 2, events: [] },
    { first: 2, next: 3, events: [{ type: 'trade' }] },
  ]);
});

test('a ping is answered; anything else ends the session with a code that says why', () => {
  const { connect } = setUp();
  const { socket, session } = connect();
  expect(session.receive('ping')).toBe(true);
  expect(socket.texts.at(-1)).toBe('pong');
  expect(session.receive('{"subscribe":"BTC/KRW"}')).toBe(false);
  expect(socket.closed).toBe(4100);
});

test('[HB1] a change of the upstream is told to everybody, and again while it is sought', async () => {
  const { clock, connect, registry } = setUp();
  const { socket } = connect();
  registry.setUpstream('seeking');
  registry.setUpstream('seeking');
  await clock.advanceAndSettle(1_100);
  registry.setUpstream('live');
  expect(socket.messages.filter(message => message.type === 'status').map(status => status.upstream)).toEqual([
    'live',
    'seeking',
    'seeking',
    'seeking',
    'live',
  ]);
});
