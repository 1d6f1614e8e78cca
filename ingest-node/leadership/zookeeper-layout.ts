import { readCandidateName, writeRecord } from './candidate-record.ts';
import type { NodeState, ZookeeperClient } from './zookeeper-client.ts';
import { isFault } from './zookeeper-error.ts';

/** One node per candidate, which ends with its session; the lowest number leads. */
export const CANDIDATES = '/leadership/candidates';
export const TERM = '/leadership/term';

export const pathOf = (candidate: string): string => `${CANDIDATES}/${candidate}`;

export const sequenceOf = (name: string): number => readCandidateName(name)?.sequence ?? Number.POSITIVE_INFINITY;

/** Candidates only, the first one first. */
export const inOrder = (names: readonly string[]): string[] =>
  names.filter(name => readCandidateName(name) !== null).sort((one, other) => sequenceOf(one) - sequenceOf(other));

const EMPTY = writeRecord({});

export const isEmpty = (data: Uint8Array): boolean => Buffer.compare(data, EMPTY) === 0;

export async function readOrNull(
  client: ZookeeperClient,
  path: string,
  onChange?: () => void,
): Promise<NodeState | null> {
  try {
    return await client.get(path, onChange);
  } catch (error) {
    if (isFault(error, 'noNode')) return null;
    throw error;
  }
}

/** Reads a node that stays, creating it if need be. Its version is 1 at least: see `ZookeeperClient.commit`. */
export async function readLasting(client: ZookeeperClient, path: string, onChange?: () => void): Promise<NodeState> {
  let state = await readOrNull(client, path, onChange);
  if (state === null) {
    await unlessFault('nodeExists', client.create(path, EMPTY, 'persistent'));
    state = await client.get(path, onChange);
  }
  if (state.version > 0) return state;
  await unlessFault('badVersion', client.set(path, state.data, 0));
  return client.get(path, onChange);
}

/** Somebody else was faster: done all the same. */
async function unlessFault(fault: 'nodeExists' | 'badVersion', call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isFault(error, fault)) throw error;
  }
}
