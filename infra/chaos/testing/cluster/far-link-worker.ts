/** The thread in which the links of {@link file://./far-link.ts} live. */
import { parentPort } from 'node:worker_threads';
import { HurtLink } from '../../../../ingest-node/leadership/testing/hurt-link.ts';
import type { LinkAnswer, LinkOrder } from './far-link.ts';

const links = new Map<number, HurtLink>();

parentPort!.on('message', (order: LinkOrder) => void obey(order));

async function obey({ number, link, order, value }: LinkOrder): Promise<void> {
  if (order === 'open') links.set(link, await HurtLink.to(value));
  const known = links.get(link)!;
  if (order === 'blackHole') known.blackHole();
  else if (order === 'heal') known.heal();
  else if (order === 'delay') known.delay(value);
  else if (order === 'stop') await known.stop();
  parentPort!.postMessage({ number, address: order === 'open' ? known.address : '' } satisfies LinkAnswer);
}
