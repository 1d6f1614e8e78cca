import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../shared/base/clock.ts';
import { ZookeeperClient } from './zookeeper-client.ts';

/** What a ZooKeeper says first: session 1, for four seconds. */
const CONNECTED = Buffer.from(
  `00000024${'00000000'}${'00000fa0'}${'0000000000000001'}00000010${'00'.repeat(16)}`,
  'hex',
);

describe('one link to something that is no good ZooKeeper', () => {
  let server: Server | null = null;
  const sockets = new Set<Socket>();
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    server?.close();
  });

  const serve = async (behave: (socket: Socket) => void) => {
    server = createServer(socket => {
      sockets.add(socket);
      socket.on('error', () => {});
      behave(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const ends: string[] = [];
  const dial = (address: string) =>
    ZookeeperClient.dial({
      server: address,
      chroot: '',
      sessionTimeoutMs: 4_000,
      session: null,
      callTimeoutMs: 200,
      clock: systemClock,
      onEnd: fault => ends.push(fault),
    });

  test('one that accepts and says nothing is given up in time', async () => {
    const address = await serve(() => {});
    await expect(dial(address)).rejects.toMatchObject({ fault: 'timeout' });
  });

  test('one that is not there, or hangs up, is given up at once', async () => {
    await expect(dial('127.0.0.1:1')).rejects.toMatchObject({ fault: 'connectionLost' });
    const address = await serve(socket => socket.end());
    await expect(dial(address)).rejects.toMatchObject({ fault: 'connectionLost' });
  });

  test('one that speaks something else does not end the process', async () => {
    const address = await serve(socket => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(20)));
    await expect(dial(address)).rejects.toMatchObject({ fault: expect.stringMatching(/connectionLost|timeout/) });
  });

  test('one that forgets to answer a call has that call end, and then the link by our will, once', async () => {
    const address = await serve(socket => socket.write(CONNECTED));
    const client = await dial(address);
    await expect(client.get('/x')).rejects.toMatchObject({ fault: 'timeout' });
    const waiting = client.children('/x');
    client.drop();
    client.drop();
    await expect(waiting).rejects.toMatchObject({ fault: 'connectionLost' });
    await expect(client.get('/x')).rejects.toMatchObject({ fault: 'connectionLost' });
    await client.close();
    expect(ends).toEqual([]);
  });

  test('a close that is not answered is over in time', async () => {
    const address = await serve(socket => socket.write(CONNECTED));
    const client = await dial(address);
    await client.close();
    expect(ends).toEqual([]);
  });

  test('[EPO2] version 0 of a transaction would mean any version: refused', async () => {
    const address = await serve(socket => socket.write(CONNECTED));
    const client = await dial(address);
    await expect(client.commit([{ type: 'check', path: '/x', version: 0 }])).rejects.toThrow(/would mean any version/);
    client.drop();
  });
});
