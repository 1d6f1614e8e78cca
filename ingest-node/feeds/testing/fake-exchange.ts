import type { ExchangeName } from '../../../shared/model/exchange.ts';
import type { Instrument, InstrumentStatus } from '../../../shared/model/instrument.ts';
import { testInstrument } from '../../../shared/model/testing/instruments.ts';
import type { ExchangeAdapter } from '../../exchanges/exchange-adapter.ts';
import type { FrameMeaning } from '../line.ts';
import type { Dial, SocketEnd, SocketListener } from '../socket.ts';

/** The other end of a socket, in a test's hands. */
export class FakeSocket {
  readonly url: string;
  readonly sent: string[] = [];
  readonly pingPayloads: string[] = [];
  /** Payloads of our answers to {@link ping}. */
  readonly pongs: string[] = [];
  isClosing = false;
  isOver = false;
  /** Whether a polite close is answered. */
  answersClose = true;
  readonly #listener: SocketListener;

  constructor(url: string, listener: SocketListener) {
    this.url = url;
    this.#listener = listener;
  }

  open(): this {
    this.#listener.onOpen();
    return this;
  }

  /** Text frames, in the words of {@link meaningOf}. */
  frame(text: string): void {
    this.#listener.onFrame(new TextEncoder().encode(text));
  }

  ping(payload: string): void {
    this.#listener.onPing(new TextEncoder().encode(payload));
  }

  lifeSign(): void {
    this.pong('');
  }

  /** Answers our last ping, unless told which. */
  pong(payload = this.pingPayloads.at(-1) ?? ''): void {
    this.#listener.onPong(new TextEncoder().encode(payload));
  }

  get pings(): number {
    return this.pingPayloads.length;
  }

  end(end: SocketEnd): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#listener.onEnd(end);
  }

  drop(): void {
    this.end({ kind: 'closed', code: 1006, reason: '' });
  }

  close(): void {
    this.isClosing = true;
    if (this.answersClose) queueMicrotask(() => this.end({ kind: 'closed', code: 1000, reason: '' }));
  }

  terminate(): void {
    queueMicrotask(() => this.drop());
    this.isTerminated = true;
  }

  isTerminated = false;
}

export class FakeNetwork {
  readonly sockets: FakeSocket[] = [];

  readonly dial: Dial = (url, listener) => {
    const socket = new FakeSocket(url, listener);
    this.sockets.push(socket);
    return {
      send: text => void socket.sent.push(text),
      ping: payload => void socket.pingPayloads.push(payload),
      pong: payload => void socket.pongs.push(new TextDecoder().decode(payload)),
      close: () => socket.close(),
      terminate: () => socket.terminate(),
    };
  };

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('nobody dialled');
    return socket;
  }

  /** Sockets nobody has ended. */
  get standing(): readonly FakeSocket[] {
    return this.sockets.filter(socket => !socket.isOver);
  }
}

/** `data SYMBOL…`, `garbage …`, `up`, `ack [KEY]`, `shutdown`, `refuse CODE text`, `deny KEY CODE text`. */
export function meaningOf(text: string): FrameMeaning {
  const [word, ...rest] = text.split(' ');
  switch (word) {
    case 'data':
      return { kind: 'events', events: rest.map(symbol => ({ symbol })) };
    case 'up':
      return { kind: 'control', control: { name: 'alive' } };
    case 'ack':
      return {
        kind: 'control',
        control: { name: 'acknowledged', detail: '', ...(rest[0] === undefined ? {} : { answers: rest[0] }) },
      };
    case 'deny':
      return {
        kind: 'control',
        control: { name: 'refused', answers: rest[0] ?? '', code: rest[1] ?? '', message: rest.slice(2).join(' ') },
      };
    case 'shutdown':
      return { kind: 'control', control: { name: 'shutdown' } };
    case 'refuse':
      return {
        kind: 'control',
        control: { name: 'refused', code: rest[0] ?? '', message: rest.slice(1).join(' ') },
      };
    default:
      return { kind: 'rejected' };
  }
}

export function instrument(nativeCode: string, status: InstrumentStatus = 'trading'): Instrument {
  const [quote = '', base = ''] = nativeCode.split('-');
  return testInstrument('upbit', nativeCode, base, quote, { status });
}

export function instruments(count: number): Instrument[] {
  return Array.from({ length: count }, (_, index) => instrument(`KRW-C${String(index).padStart(4, '0')}`));
}

type Overrides = Partial<Omit<ExchangeAdapter, 'limits' | 'heartbeat'>> & {
  readonly limits?: Partial<ExchangeAdapter['limits']>;
  readonly heartbeat?: Partial<ExchangeAdapter['heartbeat']>;
};

/** An exchange like Upbit. Its market list is text: a code a line, with `!` behind it when halted. */
export function fakeAdapter(overrides: Overrides = {}): ExchangeAdapter {
  const { limits, heartbeat, ...rest } = overrides;
  const exchange: ExchangeName = 'upbit';
  return {
    exchange,
    webSocketUrl: 'wss://api.upbit.com/websocket/v1',
    restUrl: 'https://api.upbit.com',
    channels: ['trade'],
    candles: 'sentOpen',
    subscribeMessages: carried => [`subscribe ${carried.map(({ nativeCode }) => nativeCode).join(',')}`],
    markets: {
      paths: ['/v1/market/all'],
      limit: { group: 'all', weight: 1 },
      *parse(bodies) {
        const lines = new TextDecoder().decode(bodies[0]).split('\n').filter(Boolean);
        if (lines[0] === '<html>') return { ok: false, reason: 'not a market list' };
        const listed = lines.map(line =>
          line.endsWith('!') ? instrument(line.slice(0, -1), 'halted') : instrument(line),
        );
        return { ok: true, instruments: listed, skipped: 0 };
      },
    },
    tradeHistory: {
      ids: 'unordered',
      limit: { group: 'all', weight: 1 },
      pageSize: 1,
      path: () => null,
      parse: () => ({ ok: false, reason: 'no history' }),
    },
    convert: bytes => {
      const meaning = meaningOf(new TextDecoder().decode(bytes));
      if (meaning.kind === 'control') return meaning;
      return meaning.kind === 'events'
        ? { kind: 'events', events: [], rejections: [] }
        : { kind: 'rejected', rejections: [] };
    },
    ...rest,
    limits: {
      instrumentsPerFeed: 100,
      connects: { count: 5, windowMs: 1_000 },
      messageSpacingMs: 300,
      rest: { all: { weight: 100, windowMs: 1000 } },
      ...limits,
    },
    heartbeat: {
      controlPingEveryMs: 20_000,
      textPing: { message: 'PING', everyMs: null },
      silenceLimitMs: 30_000,
      maxAgeMs: null,
      ...heartbeat,
    },
  };
}
