/// <reference path="./kafkajs-internals.d.ts" />
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../shared/base/clock.ts';
import type { KafkaSecurity } from './kafka-access.ts';
import { type Address, type KafkaBrokers, keyOf } from './kafka-brokers.ts';
import { lockoutOf, wantsTls } from './kafka-lockout.ts';

type Client = Awaited<ReturnType<typeof loadClient>>;
export type KafkaBroker = InstanceType<Client['Broker']>;
export type ClientRecord = Awaited<
  ReturnType<KafkaBroker['fetch']>
>['responses'][number]['partitions'][number]['messages'][number];

export type KafkaDiallerOptions = {
  readonly security: KafkaSecurity;
  readonly brokers: KafkaBrokers;
  readonly clock: Clock;
};

/** A connection to one broker, made or in the making. */
export type Line = {
  readonly address: Address;
  readonly broker: Promise<KafkaBroker>;
  readonly sockets: Set<Socket>;
  /** `null` while the connection is being made. */
  made: KafkaBroker | null;
  /** Why it was hung up; `null` while it is not. */
  ended: Error | null;
};

type SocketOrder = Address & { readonly onConnect: () => void };
type SocketFactory = (order: SocketOrder) => Socket;

const CONNECT_WITHIN_MS = 1_000;
/** A connection that has to prove who it is takes a few round trips more. */
const AUTHENTICATE_WITHIN_MS = 1_000;
/** How an answer begins that says in TLS that nothing was understood. */
const TLS_ALERT = [0x15, 0x03] as const;

/**
 * Connections to the brokers of a Kafka, one for each that is asked. The only file that knows the client: of kafkajs it
 * uses the protocol and the sockets' keeping, not the producer and the consumer above them
 * (infra/decisions/0011-kafka-without-groups.md). It is loaded with the first call.
 */
export class KafkaDialler {
  readonly #options: KafkaDiallerOptions;
  /** By address. */
  readonly #lines = new Map<string, Line>();
  #isClosed = false;

  constructor(options: KafkaDiallerOptions) {
    this.#options = options;
  }

  /** How many sockets are open. */
  get sockets(): number {
    return [...this.#lines.values()].reduce((sum, { sockets }) => sum + sockets.size, 0);
  }

  /** How many answers a connection costs. */
  get roundTrips(): number {
    const { tls, sasl } = this.#options.security;
    return 1 + Number(tls != null) + Number(sasl != null);
  }

  /** A line to the broker there; whoever asks meanwhile gets the same. */
  dial(address: Address): Line {
    const known = this.#lines.get(keyOf(address));
    if (known !== undefined) return known;
    const sockets = new Set<Socket>();
    const line: Line = {
      address,
      sockets,
      made: null,
      ended: null,
      broker: this.#admitted(address, order => this.#openSocket(order, line)),
    };
    this.#lines.set(keyOf(address), line);
    line.broker.then(
      broker => {
        line.made = broker;
      },
      (error: Error) => this.hangUp(line, error),
    );
    return line;
  }

  /** What was asked there is answered with the reason. */
  hangUp(line: Line, reason: Error): void {
    const key = keyOf(line.address);
    if (this.#lines.get(key) === line) this.#lines.delete(key);
    line.ended ??= reason;
    for (const socket of line.sockets) socket.destroy(reason);
  }

  hangUpAll(reason: Error): void {
    for (const line of this.#lines.values()) this.hangUp(line, reason);
  }

  close(): void {
    this.#isClosed = true;
    this.hangUpAll(new Error('closed by us'));
  }

  async #admitted(address: Address, socketFactory: SocketFactory): Promise<KafkaBroker> {
    const { brokers, clock } = this.#options;
    const known = brokers.lockout(address, clock.monotonic());
    if (known !== null) throw known;
    const broker = await this.#prepare(address, socketFactory);
    try {
      await broker.connect();
    } catch (error) {
      const lockout = lockoutOf(error);
      if (lockout !== null) brokers.lockedOut(address, lockout, clock.monotonic());
      throw lockout ?? error;
    }
    brokers.admitted(address);
    await loadWriting(broker);
    return broker;
  }

  async #prepare(address: Address, socketFactory: SocketFactory): Promise<KafkaBroker> {
    const { Broker, ConnectionPool, logger } = await loadClient();
    const { tls, sasl } = this.#options.security;
    const connectionPool = new ConnectionPool({
      ...address,
      clientId: 'exchange-service',
      logger,
      // The client keeps in the object what it makes of it.
      ...(sasl == null ? {} : { sasl: { ...sasl } }),
      connectionTimeout: CONNECT_WITHIN_MS * (tls == null ? 1 : 2),
      requestTimeout: CONNECT_WITHIN_MS,
      enforceRequestTimeout: false,
      socketFactory,
    });
    const authenticationTimeout = AUTHENTICATE_WITHIN_MS;
    return new Broker({ connectionPool, logger, allowAutoTopicCreation: false, authenticationTimeout });
  }

  #openSocket({ host, port, onConnect }: SocketOrder, line: Line): Socket {
    const { tls } = this.#options.security;
    const target = { host, port, noDelay: true, keepAlive: true };
    const name = isIP(host) === 0 ? { servername: host } : {};
    const trusted = tls?.ca == null ? {} : { ca: tls.ca };
    const socket = tls == null ? connect(target, onConnect) : connectTls({ ...target, ...name, ...trusted }, onConnect);
    if (tls == null) socket.once('data', bytes => refuseTls(socket, bytes));
    // The client lets go of a dead socket once for each request that it failed, and listens each time.
    socket.setMaxListeners(0);
    line.sockets.add(socket);
    socket.once('close', () => line.sockets.delete(socket));
    if (line.ended !== null) socket.destroy(line.ended);
    if (this.#isClosed) socket.destroy(new Error('closed by us'));
    return socket;
  }
}

/** To the client it would be the size of an answer that never comes. */
function refuseTls(socket: Socket, bytes: Buffer): void {
  if (TLS_ALERT.every((byte, index) => bytes[index] === byte)) socket.destroy(wantsTls());
}

let loading: ReturnType<typeof load> | null = null;

function loadClient(): ReturnType<typeof load> {
  loading ??= load();
  return loading;
}

async function load() {
  const [broker, connectionPool, loggers, requestQueue] = await Promise.all([
    import('kafkajs/src/broker/index.js'),
    import('kafkajs/src/network/connectionPool.js'),
    import('kafkajs/src/loggers/index.js'),
    import('kafkajs/src/network/requestQueue/index.js'),
  ]);
  const { prototype } = requestQueue.default;
  const look = prototype.scheduleCheckPendingRequests;
  // Of itself the client looks at what waits to be sent a thousand times a second, on each connection, though nothing does.
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) look.call(this);
  };
  const logger = loggers.default.createLogger({ level: 0, logCreator: () => () => {} });
  return { Broker: broker.default, ConnectionPool: connectionPool.default, logger };
}

/**
 * The client reads the files of each request when it is first made. A leader's first are made while everybody waits for
 * what they carry, so they are read before.
 */
async function loadWriting(broker: KafkaBroker): Promise<void> {
  const { apiKeys, requests } = (await import('kafkajs/src/protocol/requests/index.js')).default;
  for (const name of WRITING) {
    try {
      broker.lookupRequest(apiKeys[name], requests[name])({ topicData: [] });
    } catch {
      // A broker that lacks it says so to whoever needs it.
    }
  }
}

const WRITING = ['GroupCoordinator', 'InitProducerId', 'Produce'] as const;

/** The hash of keys that every client of Kafka has. */
export async function loadMurmur2(): Promise<(key: string) => number> {
  return (await import('kafkajs/src/producer/partitioners/default/murmur2.js')).default;
}
