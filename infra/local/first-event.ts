import { decodeMessage } from '../../shared/wire/json-codec.ts';

/** Resolves with the first market event that a client of this server receives; waits for as long as it takes. */
export async function firstMarketEvent(baseUrl: string, token: string | null): Promise<void> {
  const query = token === null ? '' : `?token=${encodeURIComponent(token)}`;
  const url = `${baseUrl.replace(/^http/, 'ws')}/ws/exchange${query}`;
  while (!(await hasSeenOne(url))) await new Promise(resolve => setTimeout(resolve, 200));
}

function hasSeenOne(url: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = new WebSocket(url);
    socket.addEventListener('message', ({ data }) => {
      const decoded = decodeMessage(String(data));
      if (!decoded.ok || (decoded.message.type !== 'batch' && decoded.message.type !== 'snapshot')) return;
      if (!decoded.message.events.some(event => event.type !== 'feed')) return;
      socket.close();
      resolve(true);
    });
    socket.addEventListener('close', () => resolve(false));
    socket.addEventListener('error', () => resolve(false));
  });
}
