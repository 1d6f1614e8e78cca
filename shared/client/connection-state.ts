import type { ConnectionState } from '../stream/resilient-source.ts';

/**
 * How the stream fares:
 * - `connecting`: asking for addresses or opening a path;
 * - `live`: data flows;
 * - `seeking`: connected, but the server itself has lost its upstream and looks for another; staying is right;
 * - `waiting`: the path was lost, the next attempt waits for its time;
 * - `stopped`: closed by us, or refused for good by every path.
 */
export type StreamState = {
  readonly name: ConnectionState['name'];
  /** Address in use or about to be tried. */
  readonly url: string;
  /** Its path: `/ws/redis`, or `/ws/info` while addresses are asked for. */
  readonly path: string;
  /** Epoch milliseconds by the local clock. */
  readonly since: number;
  /** Why, in plain words; `null` when there is nothing to explain. */
  readonly reason: string | null;
};

export function streamState(state: ConnectionState): StreamState {
  const { name, source, since, reason } = state;
  return { name, url: source, path: pathOf(source), since, reason };
}

function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : url;
}
