import { describe, expect, test } from 'vitest';
import { ManualClock } from '../base/testing/manual-clock.ts';
import { ticker, trade } from '../model/testing/market-events.ts';
import type { Position } from '../wire/position.ts';
import { FollowedLog } from './followed-log.ts';
import { StreamLog } from './stream-log.ts';
import { MemorySource } from './testing/memory-source.ts';
import { Publisher } from './testing/publisher.ts';

function world() {
  const clock = new ManualClock();
  const publisher = new Publisher();
  publisher.beginEpoch(5);
  publisher.seal(trade(), ticker());
  const source = new MemorySource({ log: publisher.log, clock });
  const diary: string[] = [];
  const show = ({ epoch, offset }: Position) => `${epoch}:${offset}`;
  const follow = (log = new StreamLog()) =>
    new FollowedLog({
      log,
      sources: [source],
      clock,
      random: () => 0.5,
      onHeartbeat: (position, writer) => diary.push(`heartbeat ${show(position)} by ${writer}`),
      onBatch: batch => diary.push(`batch ${batch.epoch}:${batch.first}–${batch.next - 1}, log ${show(log.position)}`),
      onBeforeReset: () => diary.push(`before reset ${show(log.position)}`),
      onReset: ({ reason }) => diary.push(`reset ${reason} ${show(log.position)}`),
      onTurn: ({ state }) => diary.push(state),
    });
  return { clock, publisher, source, diary, follow, read: () => diary.splice(0) };
}

describe('a followed log', () => {
  test('[SNP1] begins with a snapshot and goes on with every batch, and its readers see the same stream', () => {
    const { clock, publisher, source, follow, read } = world();
    const followed = follow();
    followed.start();
    clock.advance(100);
    expect(read()).toEqual(['before reset 0:0', 'reset initial 5:2', 'live']);
    publisher.seal(trade());
    source.heartbeat();
    clock.advance(100);
    expect(read()).toEqual(['batch 5:3–3, log 5:3', 'heartbeat 5:3 by 5']);
    expect(followed.log.snapshotMessages('full', 'initial')).toEqual(publisher.log.snapshotMessages('full', 'initial'));
    expect(followed.log.ring.at(followed.log.ring.start)!.batch).toEqual(publisher.published.at(-1));
    followed.stop();
    clock.advance(10_000);
    expect(clock.pending).toBe(0);
  });

  test('[RES1] goes on from where the log stands, whoever wrote it', () => {
    const { clock, publisher, follow, read } = world();
    const log = new StreamLog();
    log.beginEpoch(5, []);
    log.append(publisher.published[0]!, 0);
    const followed = follow(log);
    publisher.seal(trade());
    followed.start();
    clock.advance(100);
    expect(read()).toEqual(['batch 5:3–3, log 5:3', 'live']);
    followed.stop();
    publisher.seal(trade());
    clock.advance(100);
    expect(read()).toEqual(['seeking']);
    followed.start();
    clock.advance(100);
    expect(read()).toEqual(['batch 5:4–4, log 5:4', 'live']);
    expect(followed.counters).toMatchObject({ opened: 2, holes: 0, lost: 0 });
    followed.stop();
  });

  test('[EPO1] a new epoch begins in the log too, and history before it stays', () => {
    const { clock, publisher, follow } = world();
    const followed = follow();
    followed.start();
    clock.advance(100);
    publisher.seal(trade());
    publisher.beginEpoch(9);
    publisher.seal(trade());
    clock.advance(100);
    expect(followed.log.position).toEqual({ epoch: 9, offset: 1 });
    expect(followed.log.lineage).toEqual([{ epoch: 5, end: 3 }]);
    expect(followed.log.plan({ epoch: 5, offset: 2 })).toMatchObject({ kind: 'resume' });
    followed.stop();
  });

  test('[EPO1] a deposed leader that saw what no successor knows begins anew, and says so', () => {
    const { clock, publisher, follow, read } = world();
    const log = new StreamLog();
    log.beginEpoch(5, []);
    log.append({ ...publisher.published[0]!, next: 9 }, 0);
    publisher.beginEpoch(6);
    publisher.seal(trade());
    const followed = follow(log);
    followed.start();
    clock.advance(100);
    expect(read()).toEqual(['before reset 5:8', 'reset diverged 6:0', 'live', 'batch 6:1–1, log 6:1']);
    followed.stop();
  });

  test('[HB1] turns to seeking when its server does, and keeps the reason after it is live again', () => {
    const { clock, source, follow, read } = world();
    const followed = follow();
    followed.start();
    clock.advance(100);
    read();
    source.setUpstream('seeking');
    clock.advance(100);
    expect(read()).toEqual(['seeking']);
    expect(followed.view).toMatchObject({ isFollowing: true, state: 'seeking', source: 'memory' });
    source.setUpstream('live');
    source.heartbeat();
    clock.advance(100);
    expect(read()).toEqual(['heartbeat 5:2 by 5', 'live']);
    expect(followed.view.lastError).toBe('the server has lost its upstream');
    followed.stop();
  });

  test('paths that all refused are asked again after five seconds', () => {
    const { clock, source, follow, read } = world();
    source.refusal = { reason: 'not you', verdict: 'stop' };
    const followed = follow();
    followed.start();
    clock.advance(100);
    expect(followed.view).toMatchObject({ state: 'seeking', lastError: 'not you' });
    source.refusal = null;
    clock.advance(5_100);
    expect(read().at(-1)).toBe('live');
    expect(followed.counters.opened).toBe(2);
    followed.stop();
  });

  test('stopped within a callback, it applies nothing more', () => {
    const { clock, source } = world();
    const log = new StreamLog();
    const followed: FollowedLog = new FollowedLog({
      log,
      sources: [source],
      clock,
      onReset: () => followed.stop(),
    });
    followed.start();
    clock.advance(1_000);
    expect([followed.isFollowing, log.position.offset, source.sessions]).toEqual([false, 2, 0]);
    expect(clock.pending).toBe(0);
  });
});
