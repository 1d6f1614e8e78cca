import type { Clock } from '../../shared/base/clock.ts';
import type { ExchangeName } from '../../shared/model/exchange.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { FollowedLog, type FollowedLogOptions } from '../../shared/stream/followed-log.ts';
import type { StreamSource } from '../../shared/stream/source.ts';
import type { StreamLog } from '../../shared/stream/stream-log.ts';
import type { ReceivedSnapshot } from '../../shared/stream/stream-receiver.ts';
import { comparePositions, type Position } from '../../shared/wire/position.ts';
import { Distributor } from '../distribution/distributor.ts';
import type { SessionRegistry } from '../distribution/session-registry.ts';
import type { Infrastructure } from '../infrastructure/composite-service.ts';
import type { LeaderElection, LeaderInfo, LeadershipEvent, Term } from '../leadership/leader-election.ts';
import type { Logger } from '../operations/logger.ts';
import { type HeardBatch, JoinedStream } from './joined-stream.ts';
import type { Leader } from './leader.ts';
import { OwedEvents } from './owed-events.ts';
import { OutrankedError, takeOver } from './takeover.ts';
import { voidEvents } from './void-events.ts';

export type NodeRoleOptions = {
  readonly log: StreamLog;
  readonly sessions: SessionRegistry;
  readonly election: LeaderElection;
  readonly infrastructure: Infrastructure;
  /** Made by us, because its events are ours to route; called once, within the constructor. */
  readonly createLeader: (publish: Pick<Distributor, 'offer'>) => Leader;
  /** Which events are published. */
  readonly carries: (event: MarketEvent) => boolean;
  /** Told of the address of the stream of whoever leads, or stands in; `null`: nobody, or this node. */
  readonly onLeader: (url: string | null) => void;
  /** Keeps the history of terms. */
  readonly records: { beginTerm(epoch: number): void; endTerm(): void };
  readonly clock: Clock;
  readonly logger: Logger;
};

/** A successor dials within this share of the limits that one node may use alone. */
const SUCCESSOR_SHARE = 0.5;
const LOOK_IF_WARM_EVERY_MS = 50;
/** Rule HND1: how long a successor may take until it is ready. */
const READY_WITHIN_MS = 10_000;
/** How long each path may take to get the last of a term that ends. */
const FLUSH_WITHIN_MS = 1_000;
/** How long the past may take of a takeover that comes while it is read. */
const PAST_WITHIN_MS = 1_500;
/** How long a node that handed over waits for the successor's stream, for its own clients' sake. */
const SUCCESSION_WITHIN_MS = 2_000;

/**
 * What this node is: a follower that reads the stream for its own clients, a successor that warms up beside it, or the
 * leader who writes it. Every way from one to the other is here, one after the other, whatever the election says
 * meanwhile; that a deposed leader writes nothing does not depend on it (rule FEN1 is checked at every seal).
 */
export class NodeRole {
  readonly leader: Leader;
  readonly distributor: Distributor;
  readonly #options: NodeRoleOptions;
  #follower: FollowedLog;
  readonly #joined: JoinedStream;
  /** What becomes of the stream that comes in, followed or read at a takeover. */
  readonly #reader: Pick<FollowedLogOptions, 'onBatch' | 'onBeforeReset' | 'onReset'>;
  #turn: Promise<void> = Promise.resolve();
  /** The term that this node writes in. */
  #term: Term | null = null;
  /** What our own feeds brought and nobody has published. */
  readonly #owed = new OwedEvents();
  #isWarming = false;
  #cancelWarmLook: () => void = () => {};
  #isRetired = false;

  constructor(options: NodeRoleOptions) {
    this.#options = options;
    const { log, clock, sessions, infrastructure, carries } = options;
    this.distributor = new Distributor({
      log,
      clock,
      carries,
      onHeartbeat: () => {
        sessions.heartbeat();
        infrastructure.heartbeat();
      },
      onOverflow: () => this.#tooMuchHeld(),
    });
    this.leader = options.createLeader({ offer: events => this.#offer(events) });
    const sources = infrastructure.sources();
    this.#joined = new JoinedStream({ sources, clock, hear: batch => this.#heard(batch) });
    this.#reader = {
      onBatch: batch => this.#joined.batch(batch),
      onBeforeReset: snapshot => this.#owed.keep(voidEvents(log, snapshot)),
      onReset: snapshot => this.#begunAnew(snapshot),
    };
    this.#follower = this.#followerOf(sources);
  }

  get isLeading(): boolean {
    return this.#term !== null;
  }

  /** Resolves when this node follows, or leads if it is on its own. */
  async start(): Promise<void> {
    await this.#options.election.start(event => this.#told(event));
    await this.#turn;
    if (this.#options.election.status.term === null) this.#follower.start();
  }

  /**
   * Lets go of the leadership (rule HND1): to a successor without a pause if there is one, else plainly. Afterwards this
   * node's clients are served from the successor's stream, as far as it has come, until {@link stop}.
   */
  async retire(): Promise<void> {
    if (this.#isRetired) return;
    this.#isRetired = true;
    const { election } = this.#options;
    const isWarm = this.#term !== null && (await election.handOver({ readyWithinMs: READY_WITHIN_MS })) === 'ready';
    await this.#queue(() => this.#release(isWarm));
  }

  async stop(): Promise<void> {
    await this.retire();
    this.#follower.stop();
    await this.leader.stop();
  }

  /** Rule EPO2: somebody has led after our term began. It is given up, and the next one will be above theirs. */
  outranked(epoch: number, reason: string): void {
    const { election, logger } = this.#options;
    if (election.status.term?.epoch !== epoch) return;
    logger.error({ epoch, reason }, 'stepping down');
    election.resign(reason);
  }

  #told(event: LeadershipEvent): void {
    const { sessions, election } = this.#options;
    switch (event.type) {
      case 'leader': {
        const isSelf = event.leader !== null && event.leader.epoch === election.status.term?.epoch;
        this.#leaderIs(isSelf ? null : (event.leader?.url ?? null));
        this.#sayWho(event.leader, isSelf);
        return;
      }
      case 'lead':
        void this.#queue(() => this.#lead(event.term, event.previous));
        return;
      case 'suspended':
        if (this.#term === event.term) sessions.setUpstream('seeking');
        return;
      case 'resumed':
        if (this.#term !== event.term) return;
        sessions.setUpstream('live');
        this.distributor.seal();
        void this.#queue(async () => {
          if (this.#term === event.term) this.leader.start();
        });
        return;
      case 'stopLeading':
        this.#sayWhy(event);
        void this.#queue(() => this.#stepDown(event.term));
        return;
      case 'prepare':
        void this.#queue(async () => this.#warmUp());
        return;
      case 'prepareCancelled':
        void this.#queue(() => this.#coolDown());
        return;
    }
  }

  #sayWho(leader: LeaderInfo | null, isSelf: boolean): void {
    const { logger } = this.#options;
    // Who is about to end has said so, and who leads without ZooKeeper's answer, too.
    if (this.#isRetired || (leader === null && this.#term !== null)) return;
    if (leader === null) logger.info({}, 'no node is known to lead');
    else if (!isSelf) logger.info({ leader: leader.node, url: leader.url, epoch: leader.epoch }, 'another node leads');
  }

  #sayWhy({ term, reason, detail }: LeadershipEvent & { type: 'stopLeading' }): void {
    const isMeant = reason === 'released' || reason === 'stopped';
    const why = isMeant ? {} : { reason, detail };
    this.#options.logger[isMeant ? 'info' : 'warn']({ epoch: term.epoch, ...why }, 'no longer leading');
  }

  #leaderIs(url: string | null): void {
    this.#options.infrastructure.setLeader(url);
    this.#options.onLeader(url);
  }

  /** One change of role after the other. A fault in one ends the process: what it left half done nobody knows. */
  #queue(change: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(change).catch(error => {
      queueMicrotask(() => {
        throw error;
      });
    });
    return this.#turn;
  }

  async #lead(term: Term, previous: { readonly epoch: number; readonly end: number | null } | null): Promise<void> {
    const { log, clock, infrastructure, sessions, election, records, logger } = this.#options;
    const began = clock.monotonic();
    const end = previous === null || previous.end === null ? null : { epoch: previous.epoch, offset: previous.end };
    if (end !== null) await this.#followUntil(end);
    await this.#joined.settle(PAST_WITHIN_MS);
    this.#follower.stop('about to lead');
    try {
      const fence = infrastructure.fence.bind(infrastructure);
      const { lineage, continues, read, faults } = await takeOver({
        epoch: term.epoch,
        log,
        clock,
        end,
        fence,
        ...this.#reader,
      });
      await this.#joined.settle(PAST_WITHIN_MS);
      // Lost again meanwhile: what comes next in the queue takes care of it.
      if (election.status.term !== term) return;
      this.distributor.begin(term, lineage);
      this.#term = term;
      infrastructure.publish({
        epoch: term.epoch,
        log,
        continues,
        onFenced: higher => this.outranked(term.epoch, `a path is fenced by writer ${higher}`),
      });
      this.#endWarmUp();
      const owed = this.#owed.take(clock.now());
      this.distributor.offer(owed);
      // Everybody waits for it: it does not wait for more.
      this.distributor.seal();
      sessions.setUpstream(term.mayWrite() ? 'live' : 'seeking');
      records.beginTerm(term.epoch);
      this.leader.start();
      const tookMs = Math.round(clock.monotonic() - began);
      logger.info(
        { epoch: term.epoch, lineage: lineage.slice(-1), read, faults, owed: owed.length, tookMs },
        'leading',
      );
    } catch (error) {
      if (!(error instanceof OutrankedError)) throw error;
      this.outranked(term.epoch, error.message);
    }
  }

  async #stepDown(term: Term): Promise<void> {
    if (this.#term === term) {
      this.#endTerm();
      this.#options.infrastructure.retire();
    }
    await this.#coolDown();
    if (!this.#isRetired) this.#follow();
  }

  /** Events of our feeds: sealed while we lead, kept while we are about to, and what comes until they are closed is owed. */
  #offer(events: readonly MarketEvent[]): void {
    if (this.#term !== null) this.distributor.offer(events);
    else if (this.#isWarming) this.#owed.offer(events);
    else this.#owed.keep(events);
  }

  #begunAnew(snapshot: ReceivedSnapshot): void {
    const { events, position, lineage, reason } = snapshot;
    this.leader.joined({ events, reason });
    this.#published(events);
    if (reason !== 'diverged') this.#joined.begin(position, lineage);
  }

  #heard(batch: HeardBatch): void {
    this.leader.heard(batch);
    this.#published(batch.events);
  }

  /** Another node has published these (rule TRD1). */
  #published(events: readonly MarketEvent[]): void {
    for (const event of events) this.#owed.published(event);
  }

  /** @param sources best first */
  #followerOf(sources: readonly StreamSource[]): FollowedLog {
    const { log, clock, sessions } = this.#options;
    return new FollowedLog({
      log,
      clock,
      sources,
      ...this.#reader,
      onHeartbeat: () => sessions.heartbeat(),
      onTurn: ({ state }) => sessions.setUpstream(state),
    });
  }

  #follow(): void {
    this.#options.sessions.setUpstream('seeking');
    this.#follower.start();
  }

  async #warmUp(): Promise<void> {
    if (this.#term !== null || this.#isWarming) return;
    this.#isWarming = true;
    this.leader.warmUp(SUCCESSOR_SHARE);
    this.#sayWhenWarm();
  }

  #sayWhenWarm(): void {
    const { clock, election, logger } = this.#options;
    const began = clock.monotonic();
    const look = () => {
      // What is still to be heard of the past would be waited for when nobody writes any more.
      if (!this.#joined.isSettled || !this.leader.isWarm(this.#liveExchanges())) {
        this.#cancelWarmLook = clock.setTimer(LOOK_IF_WARM_EVERY_MS, look);
        return;
      }
      logger.info({ tookMs: Math.round(clock.monotonic() - began) }, 'ready to take over');
      void election.ready();
    };
    look();
  }

  /** Those of which the leader has something that we could miss. */
  #liveExchanges(): Set<ExchangeName> {
    const exchanges = new Set<ExchangeName>();
    for (const event of this.#options.log.latest.feeds()) {
      if (event.state === 'live') exchanges.add(event.exchange);
    }
    return exchanges;
  }

  #endWarmUp(): void {
    this.#cancelWarmLook();
    this.#isWarming = false;
  }

  async #coolDown(): Promise<void> {
    if (this.#term !== null) return;
    this.#endWarmUp();
    await this.leader.stop();
  }

  /** The last of a term: sealed if we still may. */
  #endTerm(): void {
    this.#owed.keep(this.distributor.end());
    this.#term = null;
    this.#options.records.endTerm();
  }

  /** @param isAwaited a successor is warm: its stream follows within milliseconds */
  async #release(isAwaited: boolean): Promise<void> {
    const { log, infrastructure, election, logger } = this.#options;
    if (this.#term === null) {
      await this.#coolDown();
      await election.stop();
      return;
    }
    // Without a successor nobody else has these sockets: what they still bring belongs to this term.
    if (!isAwaited) await this.leader.stop();
    this.#endTerm();
    const end = log.position;
    const isFlushed = await infrastructure.flush(FLUSH_WITHIN_MS);
    infrastructure.retire();
    const others = election.nodes().filter(({ isLeader, isDraining }) => !isLeader && !isDraining);
    const successorUrl = election.successorUrl ?? others.find(({ url }) => url !== null)?.url ?? null;
    const released = election.release(end);
    // No election tells us any more who leads. Our clients wait: who goes on is read while ZooKeeper still writes that we
    // do not, and first on its own stream, since it need not write to the paths that we have.
    this.#leaderIs(successorUrl);
    this.#follower = this.#followerOf(infrastructure.sources().toReversed());
    if (others.length > 0) this.#follow();
    await released;
    logger.info({ end, isFlushed, isAwaited }, 'the leadership is released');
    if (isAwaited) await Promise.all([this.#followUntil({ epoch: end.epoch + 1, offset: 0 }), this.leader.stop()]);
  }

  /** Resolves when the log has come to a position, or after a while. */
  #followUntil(position: Position): Promise<void> {
    const { log, clock } = this.#options;
    return new Promise(resolve => {
      const done = () => {
        cancel();
        unlisten();
        resolve();
      };
      const look = () => {
        if (comparePositions(log.position, position) >= 0) done();
      };
      const cancel = clock.setTimer(SUCCESSION_WITHIN_MS, done);
      const unlisten = log.onChange(look);
      look();
    });
  }

  /** What cannot be sealed cannot be kept for ever: the exchanges are let go, and what is missed is read back later. */
  #tooMuchHeld(): void {
    this.#options.logger.warn({}, 'too much is held while nobody confirms that this node leads: the feeds are closed');
    void this.#queue(async () => {
      if (this.#term !== null && !this.#term.mayWrite()) await this.leader.stop();
    });
  }
}
