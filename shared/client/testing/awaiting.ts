import type { StreamState } from '../connection-state.ts';
import type { ExchangeStream, StreamEvents } from '../exchange-stream.ts';

/** The next event of a name that satisfies `isMeant`. */
export function next<Name extends keyof StreamEvents>(
  stream: ExchangeStream,
  name: Name,
  isMeant: (event: StreamEvents[Name]) => boolean = () => true,
): Promise<StreamEvents[Name]> {
  return new Promise(resolve => {
    const off = stream.on(name, event => {
      if (!isMeant(event)) return;
      off();
      resolve(event);
    });
  });
}

/** The present state if it is the one meant, else the next time it is. */
export async function inState(stream: ExchangeStream, name: StreamState['name']): Promise<StreamState> {
  return stream.state.name === name ? stream.state : await next(stream, 'state', state => state.name === name);
}
