import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../base/clock.ts';
import { type StreamHarness, streamSuite, untilInRealTime } from './stream.suite.ts';
import { StreamLog } from './stream-log.ts';
import { Publisher } from './testing/publisher.ts';
import { startStreamServer, type TestStreamServer } from './testing/stream-server.ts';
import { connect } from './testing/suite-consumers.ts';
import { WebSocketSource } from './websocket-source.ts';

async function startHarness(): Promise<StreamHarness> {
  const publisher = new Publisher(new StreamLog(), () => systemClock.monotonic());
  const server = await startStreamServer(publisher.log);
  return {
    publisher,
    source: new WebSocketSource({ url: server.url }),
    clock: systemClock,
    heartbeat: () => server.memory.heartbeat(),
    cut: () => server.cut(),
    stall: isStalled => server.memory.stall(isStalled),
    loseNext: () => {
      server.memory.onTheWay = () => {
        server.memory.onTheWay = text => [text];
        return [];
      };
    },
    forget: () => {
      const { position, writer, lineage, latest } = publisher.log;
      publisher.log.reset(position, writer, lineage, latest.events());
    },
    until: untilInRealTime,
    connections: () => server.connections(),
    stop: () => server.stop(),
  };
}

streamSuite('over a WebSocket', startHarness);

describe('the WebSocket source', () => {
  let server: TestStreamServer;

  beforeEach(async () => {
    const publisher = new Publisher();
    publisher.beginEpoch(5);
    server = await startStreamServer(publisher.log);
  });

  afterEach(() => server.stop());

  const request = { position: null, cut: 'full' } as const;

  test('[RES1] asks with position and cut, and keeps the query it was given', async () => {
    const source = new WebSocketSource({ url: `${server.url}?token=x` });
    const readers = [
      connect(source, { position: { epoch: 5, offset: 0 }, cut: 'lite' }),
      connect(new WebSocketSource({ url: server.url }), request),
    ];
    await vi.waitUntil(() => server.addresses.length === 2);
    expect([...server.addresses].sort()).toEqual(['/ws/exchange', '/ws/exchange?token=x&epoch=5&offset=0&cut=lite']);
    for (const reader of readers) reader.close();
  });

  test.each([
    [1001, 'elsewhere'],
    [4002, 'reconnect'],
    [4100, 'stop'],
    [1009, 'stop'],
  ])('a close with code %i means %s', async (code, verdict) => {
    const reader = connect(new WebSocketSource({ url: server.url }), request);
    await vi.waitUntil(() => reader.snapshots.length > 0);
    server.sockets[0]!.close(code);
    await vi.waitUntil(() => reader.closings.length > 0);
    expect(reader.closings).toEqual([verdict]);
  });

  test.each(['not JSON', '{"type":"batch"}', '[]'])('a server that sends %s is left, for now', async text => {
    const reader = connect(new WebSocketSource({ url: server.url }), request);
    await vi.waitUntil(() => reader.snapshots.length > 0);
    server.sockets[0]!.send(text);
    await vi.waitUntil(() => server.connections() === 0);
    expect(reader.closings).toEqual(['reconnect']);
  });

  test('bytes are no message either', async () => {
    const reader = connect(new WebSocketSource({ url: server.url }), request);
    await vi.waitUntil(() => reader.snapshots.length > 0);
    server.sockets[0]!.send(Buffer.from('{"type":"status","upstream":"live","since":1}'));
    await vi.waitUntil(() => reader.closings.length > 0);
  });

  test('messages of a later version and answers to a ping are passed over', async () => {
    const reader = connect(new WebSocketSource({ url: server.url }), request);
    await vi.waitUntil(() => reader.snapshots.length > 0);
    server.sockets[0]!.send('{"type":"weather"}');
    server.sockets[0]!.send('pong');
    server.memory.heartbeat();
    await vi.waitUntil(() => reader.heartbeats.length > 0);
    expect(reader.closings).toEqual([]);
    reader.close();
  });

  test('nobody there: closed once, worth another try', async () => {
    const { url } = server;
    await server.stop();
    const reader = connect(new WebSocketSource({ url }), request);
    await vi.waitUntil(() => reader.closings.length > 0);
    expect(reader.closings).toEqual(['reconnect']);
  });

  test('an address that is none: closed once, after open has returned', async () => {
    const reader = connect(new WebSocketSource({ url: 'no address' }), request);
    expect(reader.closings).toEqual([]);
    await vi.waitUntil(() => reader.closings.length > 0);
    reader.close();
    expect(reader.closings).toEqual(['reconnect']);
  });
});
