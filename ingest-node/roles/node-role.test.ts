import { expect, test } from 'vitest';
import { ManualClock } from '../../shared/base/testing/manual-clock.ts';
import type { MarketEvent } from '../../shared/model/market-event.ts';
import { numberedTrade, quote } from '../../shared/model/testing/market-events.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import type { Distributor } from '../distribution/distributor.ts';
import { SessionRegistry } from '../distribution/session-registry.ts';
import { Infrastructure } from '../infrastructure/composite-service.ts';
import { SoloLeaderElection } from '../leadership/solo-leader-election.ts';
import { silentLogger } from '../operations/logger.ts';
import { Leader } from './leader.ts';
import { NodeRole } from './node-role.ts';

/** A node on its own without exchanges: what its feeds would bring is offered by the test. */
function alone() {
  const clock = new ManualClock();
  const log = new StreamLog();
  let epoch = 0;
  const file = {
    read: async () => epoch,
    write: async (used: number) => {
      epoch = used;
    },
  };
  let feeds: Pick<Distributor, 'offer'> = { offer: () => {} };
  const election = new SoloLeaderElection({ identity: { node: 'node-1', url: null }, file, clock });
  const role = new NodeRole({
    log,
    sessions: new SessionRegistry({ server: 'node-1', log, clock }),
    election,
    infrastructure: new Infrastructure({ stored: [], clock }),
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
  return { clock, log, role, election, published, offer: (...events: MarketEvent[]) => feeds.offer(events) };
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
