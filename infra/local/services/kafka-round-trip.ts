import { connect, type Socket } from 'node:net';
import { messageOf } from './wait-until.ts';
import { parseConnect } from './zookeeper-round-trip.ts';

/** The request that lists brokers and topics, in version 1, which brokers since 0.10 serve. */
const METADATA = 3;
const METADATA_VERSION = 1;
const CORRELATION = 7;
const CLIENT = Buffer.from('services');

/** Larger answers are not ours: no topic is asked for. */
const MAX_ANSWER_BYTES = 1_000_000;

/**
 * A round trip: asks the first server that answers for the brokers of its cluster. A broker that has not registered
 * with its controller yet is not among them.
 * @param brokers `host:port,host:port`
 * @returns how many brokers there are
 * @throws when nobody answers in time, or there is no broker or no controller
 */
export async function askKafka(brokers: string, timeoutMs: number): Promise<string> {
  const asked = parseConnect(brokers, 9092).map(({ host, port }) => askBroker(host, port, timeoutMs));
  const { brokerIds, controllerId } = await Promise.any(asked).catch((all: AggregateError) => {
    throw new Error(all.errors.map(messageOf).join('; '));
  });
  if (brokerIds.length === 0) throw new Error('no broker is registered with the controller');
  if (controllerId < 0) throw new Error('the brokers have no controller');
  return `Kafka: ${brokerIds.length} ${brokerIds.length === 1 ? 'broker' : 'brokers'}`;
}

interface Cluster {
  readonly brokerIds: readonly number[];
  /** −1 when there is none. */
  readonly controllerId: number;
}

async function askBroker(host: string, port: number, timeoutMs: number): Promise<Cluster> {
  const socket = connect({ host, port });
  // The whole exchange is bounded: a server may accept and never answer.
  const timer = setTimeout(() => socket.destroy(new Error(`no answer from ${host}:${port}`)), timeoutMs);
  try {
    socket.write(metadataRequest());
    return readCluster(await readFrame(socket));
  } catch (cause) {
    throw cause instanceof RangeError ? new Error(`${host}:${port} does not answer as Kafka does`, { cause }) : cause;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** https://kafka.apache.org/protocol: size, then key, version, correlation id, client's name, then no topics. */
function metadataRequest(): Buffer {
  const head = Buffer.alloc(14);
  const noTopics = Buffer.alloc(4);
  head.writeInt32BE(head.length - 4 + CLIENT.length + noTopics.length, 0);
  head.writeInt16BE(METADATA, 4);
  head.writeInt16BE(METADATA_VERSION, 6);
  head.writeInt32BE(CORRELATION, 8);
  head.writeInt16BE(CLIENT.length, 12);
  return Buffer.concat([head, CLIENT, noTopics]);
}

/** The first answer, without its size. @throws RangeError when it is not one of Kafka's */
async function readFrame(socket: Socket): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length < 4) continue;
    const size = bytes.readInt32BE(0);
    if (size < 4 || size > MAX_ANSWER_BYTES) throw new RangeError('not a size');
    if (bytes.length >= 4 + size) return bytes.subarray(4, 4 + size);
  }
  throw new RangeError('the connection ended within the answer');
}

/** Correlation id; brokers as id, host, port, rack; the controller's id. @throws RangeError beyond the end */
function readCluster(frame: Buffer): Cluster {
  let at = 0;
  const skip = (bytes: number): number => {
    at += bytes;
    return at - bytes;
  };
  const int32 = (): number => frame.readInt32BE(skip(4));
  const skipText = (): number => skip(Math.max(0, frame.readInt16BE(skip(2))));
  if (int32() !== CORRELATION) throw new RangeError('not an answer to our question');
  const brokerIds: number[] = [];
  for (let left = int32(); left > 0; left--) {
    brokerIds.push(int32());
    skipText();
    int32();
    skipText();
  }
  return { brokerIds, controllerId: int32() };
}
