import { ManualClock } from '../base/testing/manual-clock.ts';
import { type StreamHarness, streamSuite } from './stream.suite.ts';
import { StreamLog } from './stream-log.ts';
import { MemorySource } from './testing/memory-source.ts';
import { Publisher } from './testing/publisher.ts';

async function startHarness(): Promise<StreamHarness> {
  const clock = new ManualClock();
  const publisher = new Publisher(new StreamLog(), () => clock.monotonic());
  const source = new MemorySource({ log: publisher.log, clock });
  return {
    publisher,
    source,
    clock,
    heartbeat: () => source.heartbeat(),
    cut: () => source.cut(),
    stall: isStalled => source.stall(isStalled),
    loseNext: () => {
      source.onTheWay = () => {
        source.onTheWay = text => [text];
        return [];
      };
    },
    forget: () => {
      const { position, writer, lineage, latest } = publisher.log;
      publisher.log.reset(position, writer, lineage, latest.events());
    },
    until: async condition => {
      for (let waitedMs = 0; !condition(); waitedMs += 5) {
        if (waitedMs > 60_000) throw new Error('a minute has passed');
        clock.advance(5);
      }
    },
    connections: () => source.sessions,
    timers: () => clock.pending,
    stop: async () => {},
  };
}

streamSuite('in memory', startHarness);
