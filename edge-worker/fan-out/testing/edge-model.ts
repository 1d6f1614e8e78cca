import { ManualClock } from '../../../shared/base/testing/manual-clock.ts';
import type { MarketEvent } from '../../../shared/model/market-event.ts';
import { StreamCursor } from '../../../shared/stream/cursor.ts';
import { LatestState } from '../../../shared/stream/latest-state.ts';
import type { OpenStream, SourceSink, StreamRequest, StreamSource } from '../../../shared/stream/source.ts';
import { StreamReceiver } from '../../../shared/stream/stream-receiver.ts';
import { decodeMessage, heartbeatAt } from '../../../shared/wire/json-codec.ts';
import type { Cut } from '../../../shared/wire/messages.ts';
import type { Position } from '../../../shared/wire/position.ts';
import { PROTOCOL_VERSION } from '../../../shared/wire/protocol-version.ts';
import { MadeUpStream } from '../../testing/made-up-stream.ts';
import { HubCore } from '../hub-core.ts';
import type { HubSocket } from '../hub-line.ts';
import type { RelaySocket } from '../hub-links.ts';
import { type DownFrame, decodeDown } from '../relay-frame.ts';
import type { SessionNote, SessionSocket } from '../session.ts';
import { ShardCore } from '../shard-core.ts';
import { mortalClock } from './mortal-clock.ts';

/** An ingest node in memory. What it sends arrives at once. */
export class ModelNode implements StreamSource {
  readonly name = 'node';
  readonly stream: MadeUpStream;
  readonly requests: (Position | null)[] = [];
  isUp = true;
  #readers = new Map<SourceSink, StreamCursor>();

  constructor(stream: MadeUpStream) {
    this.stream = stream;
    stream.log.onChange(() => this.flush());
  }

  get readers(): number {
    return this.#readers.size;
  }

  open({ position, cut }: StreamRequest, sink: SourceSink): OpenStream {
    this.requests.push(position);
    queueMicrotask(() => {
      if (!this.isUp) return sink.closed('refused', 'reconnect');
      const { log } = this.stream;
      sink.message({
        type: 'hello',
        protocol: PROTOCOL_VERSION,
        server: 'node',
        cut,
        ...log.position,
        lineage: log.lineage,
      });
      this.#readers.set(sink, new StreamCursor(log, position, cut));
      this.flush();
    });
    return {
      close: () => {
        if (this.#readers.delete(sink)) sink.closed('closed by us', 'reconnect');
      },
    };
  }

  beat(): void {
    const { writer, position } = this.stream.log;
    for (const sink of [...this.#readers.keys()]) sink.message(heartbeatAt(writer, position.epoch, position.offset));
  }

  flush(): void {
    for (const [sink, cursor] of [...this.#readers]) {
      for (let text = cursor.take(); text !== null; text = cursor.take()) {
        const decoded = decodeMessage(text);
        if (decoded.ok) sink.message(decoded.message);
      }
    }
  }

  drop(): void {
    const sinks = [...this.#readers.keys()];
    this.#readers.clear();
    for (const sink of sinks) sink.closed('dropped', 'reconnect');
  }
}

/** A consumer that does what SPEC.md says, and keeps what it was delivered. */
export class ModelBrowser {
  readonly cut: Cut;
  readonly receiver = new StreamReceiver();
  readonly state = new LatestState();
  readonly trades: string[] = [];
  readonly kinds: string[] = [];
  readonly texts: string[] = [];
  closes: number[] = [];
  holes = 0;
  lost = 0;
  diverged = 0;
  lastHeardAt = 0;
  socket: ModelSocket | null = null;
  readonly #model: EdgeModel;

  constructor(model: EdgeModel, cut: Cut) {
    this.#model = model;
    this.cut = cut;
  }

  get position(): Position | null {
    return this.receiver.position;
  }

  connect(position: Position | null = this.position): void {
    this.receiver.pathChanged();
    this.lastHeardAt = this.#model.clock.monotonic();
    const socket = new ModelSocket(this.#model, this);
    this.socket = socket;
    this.#model.shard.open(socket, this.cut, position);
  }

  /** Goes away without a word. */
  leave(): void {
    const socket = this.socket;
    this.socket = null;
    if (socket !== null) this.#model.shard.closed(socket);
  }

  receive(text: string): void {
    this.texts.push(text);
    this.lastHeardAt = this.#model.clock.monotonic();
    const decoded = decodeMessage(text);
    if (!decoded.ok) throw new Error(`not a message: ${text}`);
    const received = this.receiver.receive(decoded.message);
    this.kinds.push(received.kind);
    if (received.kind === 'snapshot') {
      this.state.reset(received.snapshot.events);
      if (received.snapshot.reason === 'lost') this.lost++;
      if (received.snapshot.reason === 'diverged') this.diverged++;
      if (received.snapshot.reason !== 'initial') this.trades.push('…');
    } else if (received.kind === 'batch') this.#deliver(received.batch.events);
    else if (received.kind === 'hole') this.holes++;
  }

  #deliver(events: readonly MarketEvent[]): void {
    for (const event of events) {
      this.state.apply(event);
      if (event.type === 'trade') this.trades.push(event.id);
    }
  }
}

class ModelSocket implements SessionSocket {
  note: SessionNote | null = null;
  backlog: number | null = null;
  isOpen = true;
  readonly browser: ModelBrowser;
  readonly #model: EdgeModel;

  constructor(model: EdgeModel, browser: ModelBrowser) {
    this.#model = model;
    this.browser = browser;
    this.backlog = model.backlog;
  }

  send(text: string): void {
    if (!this.isOpen) throw new Error('closed');
    if (this.browser.socket === this) this.browser.receive(text);
  }

  close(code: number): void {
    this.isOpen = false;
    if (this.browser.socket !== this) return;
    this.browser.closes.push(code);
    this.browser.socket = null;
    this.#model.waitingToReturn.add(this.browser);
  }

  backlogBytes(): number | null {
    return this.backlog;
  }

  remember(note: SessionNote): void {
    this.note = note;
  }
}

/** Two ends and the messages on their way; a shard's memory may vanish between any two of them. */
class ModelRelay {
  readonly down: string[] = [];
  readonly up: string[] = [];
  isOpen = true;
  /** Swallows everything in silence: a hop that died without a word. */
  isDead = false;
  readonly hubEnd: RelaySocket;
  readonly shardEnd: HubSocket;

  constructor() {
    this.hubEnd = { send: text => this.#put(this.down, text), close: () => this.#close() };
    this.shardEnd = { send: text => this.#put(this.up, text), close: () => this.#close() };
  }

  #put(queue: string[], text: string): void {
    if (this.isOpen && !this.isDead) queue.push(text);
  }

  #close(): void {
    this.isOpen = false;
  }
}

/** A node, a hub, one shard and browsers, with a hand-moved clock and messages that are delivered one by one. */
export class EdgeModel {
  readonly clock = new ManualClock();
  readonly node: ModelNode;
  readonly browsers: ModelBrowser[] = [];
  readonly waitingToReturn = new Set<ModelBrowser>();
  /** What sockets say about their queue. */
  backlog: number | null = null;
  hub: HubCore;
  shard: ShardCore;
  pokes = 0;
  dials = 0;
  #relay: ModelRelay | null = null;
  #hubClock = mortalClock(this.clock);
  #shardClock = mortalClock(this.clock);
  #toDial = false;
  #isHubReachable = true;

  constructor(stream = new MadeUpStream()) {
    this.node = new ModelNode(stream);
    this.hub = this.#newHub();
    this.shard = this.#newShard();
  }

  browser(cut: Cut = 'full'): ModelBrowser {
    const browser = new ModelBrowser(this, cut);
    this.browsers.push(browser);
    return browser;
  }

  /** The shard's memory is gone, its sockets are not. */
  evictShard(): void {
    this.#shardClock.die();
    const sockets = this.browsers.map(({ socket }) => socket).filter(socket => socket !== null);
    this.shard = this.#newShard();
    const relay = this.#relay?.isOpen === true ? this.#relay.shardEnd : null;
    this.shard.restore(
      sockets.map(socket => ({ socket, note: socket.note })),
      relay,
    );
  }

  /** The hub is gone with all it knew and held. */
  killHub({ staysAway = false } = {}): void {
    this.#isHubReachable = !staysAway;
    this.#hubClock.die();
    const relay = this.#relay;
    this.#relay = null;
    this.#toDial = false;
    this.hub = this.#newHub();
    this.node.drop();
    if (relay !== null) this.shard.relayClosed(relay.shardEnd);
  }

  /** Both lose their memory at once, as in a deployment that left only the browsers' sockets. */
  loseBoth(): void {
    this.#hubClock.die();
    this.#relay = null;
    this.#toDial = false;
    this.node.drop();
    this.hub = this.#newHub();
    this.evictShard();
  }

  /** A frame of this kind that is on its way never arrives; whether there was one. */
  loseFrame(kind: DownFrame['kind']): boolean {
    const queue = this.#relay?.down ?? [];
    const index = queue.findIndex(text => decodeDown(text)?.kind === kind);
    if (index >= 0) queue.splice(index, 1);
    return index >= 0;
  }

  reviveHub(): void {
    this.#isHubReachable = true;
  }

  /** The relay goes dead without a close. */
  silenceRelay(): void {
    if (this.#relay !== null) this.#relay.isDead = true;
  }

  get hasRelay(): boolean {
    return this.#relay?.isOpen === true;
  }

  /** Messages from the hub that have not arrived. */
  get undelivered(): number {
    return this.#relay?.down.length ?? 0;
  }

  /** Delivers everything that is on its way, and what that leads to. */
  async settle(): Promise<void> {
    for (let round = 0; round < 200; round++) {
      for (let turn = 0; turn < 8; turn++) await Promise.resolve();
      if (!this.deliverOne()) {
        for (let turn = 0; turn < 8; turn++) await Promise.resolve();
        if (!this.deliverOne()) return;
      }
      while (this.deliverOne());
    }
    throw new Error('it does not come to rest');
  }

  /** Delivers one message, or dials, or notices a close. Whether there was anything to do. */
  deliverOne(): boolean {
    const relay = this.#relay;
    if (this.#toDial) {
      this.#toDial = false;
      this.dials++;
      const fresh = new ModelRelay();
      this.#relay = fresh;
      this.hub.relayOpened('local-1', fresh.hubEnd);
      this.shard.relayOpened(fresh.shardEnd);
      return true;
    }
    if (relay === null) return false;
    const down = relay.down.shift();
    if (down !== undefined) {
      this.shard.relayMessage(relay.shardEnd, down);
      return true;
    }
    const up = relay.up.shift();
    if (up !== undefined) {
      this.hub.relayMessage('local-1', up);
      return true;
    }
    if (!relay.isOpen) {
      this.#relay = null;
      this.hub.relayClosed('local-1', relay.hubEnd);
      this.shard.relayClosed(relay.shardEnd);
      return true;
    }
    return false;
  }

  /** Time passes in small steps, with heartbeats, deliveries and returning browsers. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      this.clock.advance(50);
      if (passed % 500 === 0 && this.node.isUp) this.node.beat();
      if (passed % 2_000 === 1_950) this.shard.alarm();
      await this.settle();
      this.bringBack();
    }
    await this.settle();
  }

  /** Browsers that were closed come back with their position. */
  bringBack(): void {
    const returning = [...this.waitingToReturn];
    this.waitingToReturn.clear();
    for (const browser of returning) if (browser.closes.at(-1)! < 4_100) browser.connect();
  }

  #newHub(): HubCore {
    this.#hubClock = mortalClock(this.clock);
    return new HubCore({
      name: 'local',
      clock: this.#hubClock,
      sources: [this.node],
      capacity: 10,
      random: () => 0,
      dial: () => {
        this.#toDial = true;
      },
    });
  }

  #newShard(): ShardCore {
    this.#shardClock = mortalClock(this.clock);
    return new ShardCore({
      name: 'local-1',
      clock: this.#shardClock,
      capacity: 10,
      pokeHub: () => {
        this.pokes++;
        if (this.#isHubReachable) this.hub.attach('local-1');
      },
    });
  }
}

/** What everybody who has followed the stream must know. */
export function expectedTrades(upTo: number, from = 0): string[] {
  const trades: string[] = [];
  for (let number = from; number < upTo; number++) if (number % 4 === 0) trades.push(String(number));
  return trades;
}
