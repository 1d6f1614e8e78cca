import { expect, test } from 'vitest';
import type { Clock } from '../../shared/base/clock.ts';
import { ManualClock, settle } from '../../shared/base/testing/manual-clock.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { numberedTrade, quote } from '../../shared/model/testing/market-events.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { Publisher } from '../../shared/stream/testing/publisher.ts';
import { startStreamServer } from '../../shared/stream/testing/stream-server.ts';
import type { Distributor } from '../distribution/distributor.ts';
import { SessionRegistry } from '../distribution/session-registry.ts';
import { Infrastructure } from '../infrastructure/composite-service.ts';
import type { OpenedInfrastructure } from '../infrastructure/infrastructure-service.ts';
import { ToyServer, ToyService } from '../infrastructure/testing/toy-service.ts';
import type { LeaderElection } from '../leadership/leader-election.ts';
import { SoloLeaderElection } from '../leadership/solo-leader-election.ts';
import { HandElection } from '../leadership/testing/hand-election.ts';
import { silentLogger } from '../operations/logger.ts';
import { Leader } from './leader.ts';
import { NodeRole } from './node-role.ts';

const EPOCH = 1_785_397_200;

/** A node without exchanges: what its feeds would bring is offered by the test. */
function nodeOf(clock: Clock, election: LeaderElection, stored: readonly OpenedInfrastructure[] = []) {
  const log = new StreamLog();
  let feeds: Pick<Distributor, 'offer'> = { offer: () => {} };
  const role = new NodeRole({
    log,
    sessions: new SessionRegistry({ server: 'node-1', log, clock }),
    election,
    infrastructure: new Infrastructure({ stored, clock }),
    createLeader: distributor => {
      feeds = distributor;
      const onInstruments = () => {};
      return new Leader({ adapters: [], simulatorUrl: null, distributor, clock, logger: silentLogger, onInstruments });
    },
    carries: () => true,
    onLeader: () => {},
    records: { beginTerm: () => {}, endTerm: () => {} },
    clock,
    logger: silentLogger,
  });
  const published = () =>
    Array.from({ length: log.ring.end - log.ring.start }, (_, index) => log.ring.at(log.ring.start + index)!)
      .flatMap(({ batch }) => batch.events)
      .map(event => (event.type === 'trade' ? event.id : event.type));
  return { log, role, published, offer: (...events: MarketEvent[]) => feeds.offer(events) };
}

/** It is the only one. */
function alone() {
  const clock = new ManualClock();
  let epoch = 0;
  const file = {
    read: async () => epoch,
    write: async (used: number) => {
      epoch = used;
    },
  };
  const election = new SoloLeaderElection({ identity: { node: 'node-1', url: null }, file, clock });
  return { clock, election, ...nodeOf(clock, election) };
}

/** There is a path that stores the stream, and a test that decides who leads. */
function withToy() {
  const clock = new ManualClock();
  const election = new HandElection();
  const toy = new ToyServer(clock);
  const stored = [{ name: 'toy', title: 'Toy', service: new ToyService(toy, clock) }];
  return { clock, election, toy, ...nodeOf(clock, election, stored) };
}

test('[TRD1] what the feeds bring after the term was lost, until they are closed, is owed and published by the next term', async () => {
  const { clock, log, role, election, published, offer } = alone();
  await role.start();
  offer(numberedTrade(1));
  await clock.advanceAndSettle(100);
  const { epoch } = log.position;
  role.outranked(epoch, 'a path is fenced by a higher writer');
  expect(election.status.term).toBeNull();
  offer(numberedTrade(2), quote());
  await clock.advanceAndSettle(100);
  offer(numberedTrade(3), quote());
  expect(published()).toEqual(['1']);
  await clock.advanceAndSettle(30_000);
  expect(log.position.epoch).toBeGreaterThan(epoch);
  // State of back then is old; trades are not.
  expect(published()).toEqual(['1', '2', '3']);
  await role.stop();
});

test('[HND1] who hands over shows the stream of its successor from where that one writes, wherever else it could be read', async ({
  onTestFinished,
}) => {
  const { clock, election, toy, log, role, published, offer } = withToy();
  await role.start();
  election.lead(EPOCH);
  await settle();
  offer(numberedTrade(1));
  await clock.advanceAndSettle(100);
  expect(toy.log.position).toEqual({ epoch: EPOCH, offset: 1 });

  const successor = new Publisher();
  const server = await startStreamServer(successor.log);
  onTestFinished(() => server.stop());
  successor.log.reset(log.position, log.writer, log.lineage, log.latest.events());
  successor.beginEpoch(EPOCH + 1);
  successor.seal(numberedTrade(2));
  election.successorUrl = server.url;
  const retiring = role.retire();
  // Time stands still: nothing has to be waited for, or given up, before.
  await expect.poll(() => log.position).toEqual({ epoch: EPOCH + 1, offset: 1 });
  await retiring;
  expect(published()).toEqual(['1', '2']);
  await role.stop();
});

test('[HND1] a successor is ready when it has heard the past, not before', async () => {
  const { clock, election, toy, log, role } = withToy();
  const leader = new Publisher(toy.log);
  leader.beginEpoch(EPOCH);
  for (let id = 1; id <= 3; id++) leader.seal(numberedTrade(id));
  // It has its place, and the path falls silent.
  const unlisten = log.onChange(() => {
    toy.isFrozen = true;
  });
  await role.start();
  await settle();
  unlisten();
  expect(log.position).toEqual({ epoch: EPOCH, offset: 3 });
  election.prepare();
  await clock.advanceAndSettle(1_000);
  expect(election.isReady).toBe(false);
  toy.isFrozen = false;
  toy.pump();
  await expect.poll(() => clock.advanceAndSettle(50).then(() => election.isReady)).toBe(true);
  await role.stop();
});

test('[HND1] the first batch of a successor waits for nothing: what its own feeds brought meanwhile is in it', async () => {
  const { election, toy, log, role, published, offer } = withToy();
  const leader = new Publisher(toy.log);
  leader.beginEpoch(EPOCH);
  leader.seal(numberedTrade(1));
  await role.start();
  await settle();
  election.prepare();
  await settle();
  offer(numberedTrade(2), quote());
  // Time stands still.
  election.lead(EPOCH + 1, { epoch: EPOCH, end: 1 });
  await settle();
  expect(log.position).toEqual({ epoch: EPOCH + 1, offset: 2 });
  expect(published()).toEqual(['2', 'quote']);
  await role.stop();
});
