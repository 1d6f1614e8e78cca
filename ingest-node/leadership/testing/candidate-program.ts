/**
 * A node that does nothing but stand for election, as a process of its own, so that it can be killed and frozen. It asks
 * its term whether it may write every few milliseconds and tells its parent each time it may.
 */
import { systemClock } from '../../../shared/base/clock.ts';
import type { EpochMemory } from '../epoch-memory.ts';
import type { LeadershipEvent, PreviousTerm } from '../leader-election.ts';
import { ZookeeperLeaderElection } from '../zookeeper-leader-election.ts';
import type { ZookeeperAddress } from '../zookeeper-session.ts';

export type CandidateOptions = {
  readonly node: string;
  readonly address: ZookeeperAddress;
  /** An epoch that some other memory knows. */
  readonly remembered?: number;
};

/** Times are of the machine's monotonic clock, which all processes share. */
export type CandidateNews =
  | { readonly type: 'event'; readonly at: number; readonly event: ToldEvent }
  | { readonly type: 'mayWrite'; readonly at: number; readonly epoch: number }
  /** The first question after this process stood still. */
  | {
      readonly type: 'thawed';
      readonly at: number;
      readonly mayWrite: boolean;
      /** What a flag that only events move would have said. */
      readonly believesToLead: boolean;
      readonly frozenMs: number;
    };

/** An event as a message can carry it. */
export type ToldEvent = {
  readonly type: LeadershipEvent['type'];
  readonly epoch: number | null;
  readonly reason: string | null;
  readonly leader: string | null;
  readonly previous: PreviousTerm | null;
};

const ASK_EVERY_MS = 5;
const STANDSTILL_MS = 400;

const now = () => Number(process.hrtime.bigint()) / 1e6;
const send = (news: CandidateNews) => {
  if (process.connected) process.send?.(news);
};

function run({ node, address, remembered }: CandidateOptions): void {
  const memories: EpochMemory[] = remembered === undefined ? [] : [{ name: 'test', highest: async () => remembered }];
  const election = new ZookeeperLeaderElection({
    identity: { node, url: `ws://127.0.0.1/${node}` },
    address,
    memories,
    clock: systemClock,
    logger: { info: () => {}, warn: () => {} },
  });
  let lastAsked = now();
  setInterval(() => {
    const at = now();
    const term = election.status.term;
    const mayWrite = term?.mayWrite() === true;
    const frozenMs = at - lastAsked;
    lastAsked = at;
    const believesToLead = election.status.state === 'leading';
    if (frozenMs > STANDSTILL_MS) send({ type: 'thawed', at, mayWrite, believesToLead, frozenMs });
    if (mayWrite && term !== null) send({ type: 'mayWrite', at, epoch: term.epoch });
  }, ASK_EVERY_MS);
  process.on('message', async () => {
    await election.stop();
    process.exit(0);
  });
  process.on('disconnect', () => process.exit(0));
  void election.start(event => send({ type: 'event', at: now(), event: told(event) }));
}

function told(event: LeadershipEvent): ToldEvent {
  const leader = event.type === 'leader' || event.type === 'prepare' ? event.leader : null;
  return {
    type: event.type,
    epoch: 'term' in event ? event.term.epoch : (leader?.epoch ?? null),
    reason: 'reason' in event ? event.reason : null,
    leader: leader?.node ?? null,
    previous: event.type === 'lead' ? event.previous : null,
  };
}

if (import.meta.main) run(JSON.parse(process.argv[2] ?? '{}') as CandidateOptions);
