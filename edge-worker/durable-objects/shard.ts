import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../../shared/base/clock.ts';
import { CLIENT_PING, SERVER_PONG } from '../../shared/wire/messages.ts';
import { positionFromQuery } from '../../shared/wire/position.ts';
import type { Env } from '../env.ts';
import type { HubSocket } from '../fan-out/hub-line.ts';
import { hubOfShard } from '../fan-out/placement.ts';
import { isSessionNote, type SessionSocket } from '../fan-out/session.ts';
import { ShardCore } from '../fan-out/shard-core.ts';
import { readSettings } from '../settings.ts';

const BROWSER = 'browser';
const RELAY = 'relay';
/** How often the platform wakes a shard that holds browsers, should its hub fall silent and nothing else do it. */
const ALARM_MS = 2_000;

/** Browsers and one relay, all hibernatable: sockets, alarms and the platform around {@link ShardCore}, which decides. */
export class Shard extends DurableObject<Env> {
  readonly #name: string;
  readonly #core: ShardCore;
  readonly #browsers = new Map<WebSocket, SessionSocket>();
  readonly #relays = new Map<WebSocket, HubSocket>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#name = ctx.id.name ?? 'local-1';
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(CLIENT_PING, SERVER_PONG));
    this.#core = new ShardCore({
      name: this.#name,
      clock: systemClock,
      capacity: readSettings(env).shardCapacity,
      pokeHub: () => ctx.waitUntil(this.#pokeHub()),
    });
    this.#restore();
  }

  /** From the Worker: a browser, `/session`. From the hub: its relay, `/relay`. Nobody else can come here. */
  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const isRelay = url.pathname === '/relay';
    if (!isRelay && this.#core.isFull) return new Response('full', { status: 503 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server, [isRelay ? RELAY : BROWSER]);
    if (isRelay) this.#core.relayOpened(this.#relay(server));
    else {
      const position = positionFromQuery(url.searchParams);
      const cut = url.searchParams.get('cut') === 'lite' ? 'lite' : 'full';
      this.#core.open(this.#browser(server), cut, position === 'invalid' ? null : position);
      await this.#keepAlarm();
    }
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const isText = typeof message === 'string';
    if (this.#isRelay(socket)) this.#core.relayMessage(this.#relay(socket), isText ? message : '');
    else if (message === CLIENT_PING) socket.send(SERVER_PONG);
    else this.#core.refuse(this.#browser(socket), isText ? message.length : message.byteLength);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#gone(socket);
    // Answers the close; codes that only ever are local, like 1006, may not be sent.
    try {
      socket.close(code === 1005 || code === 1006 || code === 1015 ? 1000 : code);
    } catch {
      // The runtime has answered already.
    }
  }

  override webSocketError(socket: WebSocket): void {
    this.#gone(socket);
  }

  override async alarm(): Promise<void> {
    if (this.#core.alarm()) await this.#keepAlarm();
  }

  async #keepAlarm(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + ALARM_MS);
  }

  #gone(socket: WebSocket): void {
    if (this.#isRelay(socket)) this.#core.relayClosed(this.#relay(socket));
    else this.#core.closed(this.#browser(socket));
    this.#browsers.delete(socket);
    this.#relays.delete(socket);
  }

  /** After this object's memory was lost, the platform gives the sockets back. */
  #restore(): void {
    const isOpen = (socket: WebSocket) => socket.readyState === WebSocket.OPEN;
    const browsers = this.ctx.getWebSockets(BROWSER).filter(isOpen);
    const relay = this.ctx.getWebSockets(RELAY).filter(isOpen).at(0);
    if (browsers.length === 0 && relay === undefined) return;
    const sessions = browsers.map(socket => {
      const note: unknown = socket.deserializeAttachment();
      return { socket: this.#browser(socket), note: isSessionNote(note) ? note : null };
    });
    this.#core.restore(sessions, relay === undefined ? null : this.#relay(relay));
  }

  async #pokeHub(): Promise<void> {
    try {
      await this.env.HUB.getByName(hubOfShard(this.#name)).attach(this.#name);
    } catch (error) {
      // It is asked again soon.
      console.warn(`shard ${this.#name} cannot reach its hub: ${String(error)}`);
    }
  }

  #isRelay(socket: WebSocket): boolean {
    return this.ctx.getTags(socket).includes(RELAY);
  }

  /** One wrapper per socket, whichever event it comes with. */
  #browser(socket: WebSocket): SessionSocket {
    const known = this.#browsers.get(socket);
    if (known !== undefined) return known;
    const session: SessionSocket = {
      send: text => socket.send(text),
      close: (code, reason) => socket.close(code, reason),
      // Newer runtimes only; the types know it already.
      backlogBytes: () => (typeof socket.bufferedAmount === 'number' ? socket.bufferedAmount : null),
      remember: note => socket.serializeAttachment(note),
    };
    this.#browsers.set(socket, session);
    return session;
  }

  #relay(socket: WebSocket): HubSocket {
    const known = this.#relays.get(socket);
    if (known !== undefined) return known;
    const relay: HubSocket = { send: text => socket.send(text), close: () => socket.close(1000, 'replaced') };
    this.#relays.set(socket, relay);
    return relay;
  }
}
