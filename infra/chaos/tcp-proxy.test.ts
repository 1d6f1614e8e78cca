import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { TcpProxy } from './tcp-proxy.ts';

const stops: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** An echo server behind a proxy, and a client in front of it. */
async function setUp() {
  const server = createServer(socket => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => server.close());
  const proxy = new TcpProxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  const port = await proxy.listen();
  stops.push(() => proxy.stop());
  const client = connect({ host: '127.0.0.1', port });
  client.on('error', () => {});
  stops.push(() => client.destroy());
  await once(client, 'connect');
  const echo = async (text: string) => {
    client.write(text);
    return String((await once(client, 'data'))[0]);
  };
  return { proxy, client, echo };
}

test('passes bytes in both directions', async () => {
  const { echo } = await setUp();
  expect(await echo('hello')).toBe('hello');
});

test('a cut ends every link', async () => {
  const { proxy, client, echo } = await setUp();
  await echo('hello');
  const closed = once(client, 'close');
  proxy.cut();
  await closed;
  expect([proxy.links, proxy.cuts]).toEqual([0, 1]);
});

test('a held link stays open, says nothing, and says it all when it is released', async () => {
  const { proxy, client, echo } = await setUp();
  await echo('hello');
  proxy.hold();
  let heard = '';
  client.on('data', bytes => {
    heard += bytes;
  });
  client.write('while held');
  // The echo has had its chance once a second, unheld proxy to the same place has answered.
  const other = await setUp();
  await other.echo('control');
  expect(heard).toBe('');
  const arrived = once(client, 'data');
  proxy.release();
  await arrived;
  expect(heard).toBe('while held');
});

test('a squeezed link passes everything on, late', async () => {
  const { proxy, client, echo } = await setUp();
  await echo('hello');
  proxy.squeeze(2_000_000);
  const sent = 'x'.repeat(400_000);
  let heard = 0;
  const all = new Promise<void>(resolve => {
    client.on('data', bytes => {
      heard += bytes.length;
      if (heard === sent.length) resolve();
    });
  });
  const began = performance.now();
  client.write(sent);
  await all;
  // The last piece is not followed by a wait, so a little less than a fifth of a second.
  expect(performance.now() - began).toBeGreaterThan(100);
});
