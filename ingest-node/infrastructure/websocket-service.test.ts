import { describe, expect, test } from 'vitest';
import { ManualClock, settle } from '../../shared/base/testing/manual-clock.ts';
import { StreamLog } from '../../shared/stream/stream-log.ts';
import { ScriptedSource } from '../../shared/stream/testing/scripted-source.ts';
import { connect } from '../../shared/stream/testing/suite-consumers.ts';
import { WebSocketService } from './websocket-service.ts';

function setup() {
  const clock = new ManualClock();
  const leaders = new Map<string, ScriptedSource>();
  const service = new WebSocketService({
    clock,
    connect: url => {
      const source = new ScriptedSource(`leader ${url}`);
      leaders.set(url, source);
      return source;
    },
  });
  const open = () => connect(service.source, { position: null, cut: 'full' });
  return { clock, leaders, service, open };
}

describe('the leader’s WebSocket', () => {
  test('while nobody leads an opening ends after it has returned, and is worth another try', async () => {
    const { service, open } = setup();
    const reading = open();
    expect(reading.closings).toEqual([]);
    await settle();
    expect(reading.closings).toEqual(['reconnect']);
    reading.close();
    expect(reading.closings).toEqual(['reconnect']);
    expect(service.health()).toMatchObject({ state: 'down', lastError: 'no other node is known to lead' });
  });

  test('is the same source at whatever address the leader is, and moves with it', () => {
    const { leaders, service, open } = setup();
    const { source } = service;
    service.setLeader('ws://a/ws/exchange');
    const reading = open();
    leaders.get('ws://a/ws/exchange')!.last.snapshot(5, 3, 'initial');
    expect([reading.position, service.source.name]).toEqual([{ epoch: 5, offset: 3 }, 'leader ws://a/ws/exchange']);
    service.setLeader('ws://b/ws/exchange');
    expect([reading.closings, leaders.get('ws://a/ws/exchange')!.isOpen]).toEqual([['reconnect'], false]);
    open();
    expect(leaders.get('ws://b/ws/exchange')!.isOpen).toBe(true);
    expect(service.source).toBe(source);
  });

  test('who reads from a leader that is no longer known stays, and the same leader again disturbs nobody', () => {
    const { service, open } = setup();
    service.setLeader('ws://a/ws/exchange');
    const reading = open();
    service.setLeader('ws://a/ws/exchange');
    service.setLeader(null);
    service.setLeader('ws://a/ws/exchange');
    expect(reading.closings).toEqual([]);
    service.setLeader(null);
    service.setLeader('ws://b/ws/exchange');
    expect(reading.closings).toEqual(['reconnect']);
  });

  test('remembers nothing, and delays no takeover', async () => {
    const { service } = setup();
    const nothing = { writer: 0, position: null, lineage: [] };
    expect(await service.fence(9)).toEqual(nothing);
    expect(await service.tail()).toEqual(nothing);
    expect(await service.flush(0)).toBe(true);
  });

  test('is up while there is a stream: our own, or that of a known leader', () => {
    const { clock, service } = setup();
    clock.sleep(1_000);
    service.publish({ epoch: 5, log: new StreamLog(), onFenced: () => {} });
    const { since } = service.health();
    expect([service.health().state, since]).toEqual(['up', clock.now()]);
    clock.sleep(1_000);
    service.setLeader('ws://a/ws/exchange');
    service.retire();
    expect(service.health()).toMatchObject({ state: 'up', since });
    service.setLeader(null);
    expect(service.health()).toMatchObject({ state: 'down', since: clock.now() });
  });

  test('stopped, it ends whoever reads', async () => {
    const { service, open } = setup();
    service.setLeader('ws://a/ws/exchange');
    const reading = open();
    await service.stop();
    expect(reading.closings).toEqual(['reconnect']);
  });
});
