import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { FakeIngestNode } from './fake-ingest-node.ts';

/** Starts a made-up ingest node, and a small HTTP control so that tests inside workerd can move it. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const node = await new FakeIngestNode().start();
  node.stream.seal(40);
  let sealing: NodeJS.Timeout | null = null;
  const actions: Record<string, (count: number) => unknown> = {
    seal: count => node.stream.seal(count),
    /** Seals without end, so that whatever happens happens in mid-stream. */
    run: everyMs => {
      sealing ??= setInterval(() => node.stream.seal(3), everyMs);
    },
    rest: () => {
      if (sealing !== null) clearInterval(sealing);
      sealing = null;
    },
    stop: () => node.stop(),
    start: () => node.start(),
    look: () => undefined,
  };
  const control = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://control');
    await actions[url.pathname.slice(1)]?.(Number(url.searchParams.get('n') ?? 1));
    const { position, latest } = node.stream.log;
    response.end(JSON.stringify({ position, state: latest.events(), readers: node.sessions }));
  });
  control.listen(0, '127.0.0.1');
  await once(control, 'listening');
  const give = provide as (name: string, value: string) => void;
  give('ingestUrl', node.url);
  give('controlUrl', `http://127.0.0.1:${(control.address() as AddressInfo).port}`);
  return async () => {
    actions['rest']?.(0);
    await node.stop();
    control.closeAllConnections();
    control.close();
  };
}
