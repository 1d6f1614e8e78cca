import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../shared/base/clock.ts';
import { isSameSecret } from '../../shared/wire/access.ts';
import type { Logger } from '../operations/logger.ts';
import { refuseCommand } from './commands.ts';
import { EventStream, type EventStreamLimits } from './event-stream.ts';
import { type GatewayStore, StoreUnreachable, type SubscriptionKind } from './gateway-store.ts';
import type { ScriptLibrary } from './registered-script.ts';
import { type Reply, type ReplyEncoding, ReplyError, type RestAnswer, replyBytes, restAnswer } from './reply.ts';
import { readBody } from './request-body.ts';
import { BadRequest, type RestLimits, type RestRequest, readRestRequest } from './rest-request.ts';

export type GatewayLimits = RestLimits &
  EventStreamLimits & {
    readonly maxBodyBytes: number;
    readonly maxReplyBytes: number;
    /** Sockets open at one time, event streams included; more are refused without a word. */
    readonly maxConnections: number;
    /** Event streams open at one time. */
    readonly maxSubscribers: number;
    /** How long a client may take to send its request, and how long to read an answer that is no stream. */
    readonly maxTransferMs: number;
  };

export const GATEWAY_LIMITS: GatewayLimits = {
  maxBodyBytes: 10 * 1024 * 1024,
  maxReplyBytes: 64 * 1024 * 1024,
  maxCommands: 1000,
  maxConnections: 2000,
  maxSubscribers: 1000,
  maxTransferMs: 30_000,
  maxWaitingBytes: 8 * 1024 * 1024,
  maxLineBytes: 1024 * 1024,
};

const HEADERS_WITHIN_MS = 10_000;
const CHECK_SLOW_CLIENTS_MS = 5_000;
const KEEP_ALIVE_MS = 20_000;
/** How long commands under way may take when the gateway stops. */
const GRACE_MS = 500;

/** Since the start, but `subscribers`: now. */
export type GatewayCounts = {
  readonly requests: number;
  /** Requests answered with an error status, and commands that failed within a pipeline. */
  readonly errors: number;
  readonly unauthorized: number;
  readonly subscribers: number;
  readonly cutSubscribers: number;
  /** Answers cut because nobody read them. */
  readonly abandonedAnswers: number;
  readonly refusedConnections: number;
  /** Messages left out because they were too long for a line. */
  readonly oversizedMessages: number;
};

export type GatewayServerOptions = {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly token: string;
  readonly store: GatewayStore;
  readonly scripts: ScriptLibrary;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: GatewayLimits;
};

/** The Upstash REST protocol over a store: what `@upstash/redis` speaks, so that it needs no Upstash. */
export class GatewayServer {
  readonly #options: GatewayServerOptions;
  readonly #limits: GatewayLimits;
  readonly #server: Server;
  readonly #streams = new Set<EventStream>();
  /** Answers that are not out yet, streams included. */
  readonly #answers = new Set<ServerResponse>();
  readonly #counts = {
    requests: 0,
    errors: 0,
    unauthorized: 0,
    cutSubscribers: 0,
    abandonedAnswers: 0,
    refusedConnections: 0,
    oversizedMessages: 0,
  };
  #stopKeepAlive = () => {};
  #isStopping = false;

  constructor(options: GatewayServerOptions) {
    this.#options = options;
    // An empty token would be given by everybody who gives none.
    if (options.token === '') throw new Error('the gateway needs a token');
    this.#limits = options.limits ?? GATEWAY_LIMITS;
    const { maxConnections, maxTransferMs } = this.#limits;
    this.#server = createServer(
      {
        requestTimeout: maxTransferMs,
        headersTimeout: Math.min(maxTransferMs, HEADERS_WITHIN_MS),
        connectionsCheckingInterval: Math.min(maxTransferMs, CHECK_SLOW_CLIENTS_MS),
      },
      (request, response) => void this.#answer(request, response),
    );
    this.#server.maxConnections = maxConnections;
    this.#server.on('drop', () => this.#counts.refusedConnections++);
  }

  get counts(): GatewayCounts {
    return { ...this.#counts, subscribers: this.#streams.size };
  }

  /** Resolves with the port; rejects with a plain line when it cannot be had. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        reject(new Error(listenFault(error, host, port), { cause: error }));
      });
      this.#server.listen(port, host, resolve);
    });
    this.#keepAlive();
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends the event streams, lets commands under way finish for half a second, closes every socket. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#stopKeepAlive();
    for (const stream of this.#streams) stream.end();
    if (!this.#server.listening) return;
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    const giveUp = this.#options.clock.setTimer(GRACE_MS, () => this.#server.closeAllConnections());
    this.#closeWhenAnswered();
    await closed;
    giveUp();
  }

  /** A socket on which nothing was asked yet would never count as idle: so all go as soon as nobody waits. */
  #closeWhenAnswered(): void {
    if (this.#isStopping && this.#answers.size === 0) this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#counts.requests++;
    this.#answers.add(response);
    response.once('close', () => {
      this.#answers.delete(response);
      this.#closeWhenAnswered();
    });
    response.once('error', () => {});
    // A client may go at any time, and in the middle of its body.
    request.once('error', () => {});
    try {
      const url = readUrl(request);
      this.#authorize(request, url);
      const encoding = readEncoding(request);
      const body = await readBody(request, this.#limits.maxBodyBytes);
      const rest = readRestRequest(request.method ?? 'GET', url, body, this.#limits);
      if (rest.kind === 'subscribe') await this.#subscribe(rest.to, rest.name, response);
      else this.#send(response, 200, await this.#run(rest, encoding));
    } catch (error) {
      this.#fail(response, error);
    }
  }

  #authorize(request: IncomingMessage, url: URL): void {
    const given = request.headers.authorization?.replace(/^Bearer /i, '') ?? url.searchParams.get('_token') ?? '';
    if (isSameSecret(given, this.#options.token)) return;
    this.#counts.unauthorized++;
    throw new BadRequest('WRONGPASS invalid or missing auth token', 401);
  }

  /** What stands in the body of a good answer; a single command's or a transaction's failure is thrown. */
  async #run(
    rest: Exclude<RestRequest, { kind: 'subscribe' }>,
    encoding: ReplyEncoding,
  ): Promise<RestAnswer | readonly RestAnswer[]> {
    if (rest.kind === 'command') {
      const [reply] = await this.#runEach([rest.command]);
      if (reply instanceof ReplyError) throw reply;
      return this.#encode([reply!], encoding)[0]!;
    }
    if (rest.kind === 'pipeline') return this.#encode(await this.#runEach(rest.commands), encoding);
    for (const command of rest.commands) {
      const refusal = refuseCommand(command, this.#options.scripts);
      if (refusal !== null) throw refusal;
    }
    const replies = await this.#options.store.transact(rest.commands);
    if (replies instanceof ReplyError) throw replies;
    return this.#encode(replies, encoding);
  }

  /** The store gets the commands that are allowed; the others' refusals stand in their places. */
  async #runEach(commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
    const refusals = commands.map(command => refuseCommand(command, this.#options.scripts));
    const allowed = commands.filter((_, index) => refusals[index] === null);
    const replies = (await this.#options.store.run(allowed)).values();
    return refusals.map(refusal => refusal ?? replies.next().value!);
  }

  #encode(replies: readonly Reply[], encoding: ReplyEncoding): readonly RestAnswer[] {
    const bytes = replies.reduce<number>((sum, reply) => sum + replyBytes(reply), 0);
    if (bytes > this.#limits.maxReplyBytes) {
      throw new BadRequest(`ERR the reply of ${bytes} bytes is over the limit of ${this.#limits.maxReplyBytes} bytes`);
    }
    this.#counts.errors += replies.filter(reply => reply instanceof ReplyError).length;
    return replies.map(reply => restAnswer(reply, encoding));
  }

  async #subscribe(kind: SubscriptionKind, name: string, response: ServerResponse): Promise<void> {
    if (this.#streams.size >= this.#limits.maxSubscribers) {
      throw new BadRequest('ERR max number of subscribers reached', 429);
    }
    const stream = new EventStream(response, this.#limits, {
      onCut: () => {
        this.#counts.cutSubscribers++;
        this.#options.logger.warn({ channel: name }, 'a subscriber that does not read was cut');
      },
      onOversized: bytes => {
        this.#counts.oversizedMessages++;
        this.#options.logger.warn({ channel: name, bytes }, 'a message was too long for a line and was left out');
      },
    });
    this.#streams.add(stream);
    let leave = () => {};
    let isGone = false;
    response.once('close', () => {
      isGone = true;
      this.#streams.delete(stream);
      leave();
    });
    try {
      leave = await this.#options.store.subscribe(kind, name, {
        onMessage: (channel, payload) =>
          stream.send(kind === 'channel' ? `message,${channel}` : `pmessage,${name},${channel}`, payload),
        onLost: () => stream.end(),
      });
    } catch (error) {
      this.#streams.delete(stream);
      throw error;
    }
    if (isGone) leave();
    else if (this.#isStopping) stream.end();
    else stream.open(kind, name);
  }

  #fail(response: ServerResponse, error: unknown): void {
    this.#counts.errors++;
    // Gone in the middle of its request, or sent away: nobody to answer.
    if (response.destroyed || response.socket?.destroyed !== false) return void response.destroy();
    if (error instanceof BadRequest) this.#send(response, error.status, { error: error.message });
    else if (error instanceof ReplyError) this.#send(response, 400, { error: error.message });
    else if (error instanceof StoreUnreachable) {
      this.#send(response, 503, { error: `ERR the Redis behind the gateway does not answer: ${error.message}` });
    } else {
      this.#options.logger.error({ error: String(error) }, 'a gateway request failed');
      this.#send(response, 500, { error: 'ERR internal error' });
    }
  }

  #send(response: ServerResponse, status: number, body: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    if (this.#isStopping) response.shouldKeepAlive = false;
    const wasRead = this.#options.clock.setTimer(this.#limits.maxTransferMs, () => {
      this.#counts.abandonedAnswers++;
      response.destroy();
    });
    response.once('close', wasRead);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #keepAlive(): void {
    this.#stopKeepAlive = this.#options.clock.setTimer(KEEP_ALIVE_MS, () => {
      for (const stream of this.#streams) stream.keepAlive();
      this.#keepAlive();
    });
  }
}

function readUrl(request: IncomingMessage): URL {
  const text = `http://gateway${request.url ?? '/'}`;
  if (!URL.canParse(text)) throw new BadRequest('ERR the path is not well encoded');
  return new URL(text);
}

function readEncoding(request: IncomingMessage): ReplyEncoding {
  const format = request.headers['upstash-response-format'];
  if (format !== undefined && format !== 'json')
    throw new BadRequest(`ERR the response format ${format} is not supported`);
  return request.headers['upstash-encoding'] === 'base64' ? 'base64' : 'plain';
}

function listenFault(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') return `port ${port} is in use by another program; set GATEWAY_PORT to a free one`;
  if (error.code === 'EACCES')
    return `port ${port} needs rights this user does not have; set GATEWAY_PORT to a port above 1023`;
  return `cannot listen on ${host}:${port}: ${error.message}`;
}
