/** The parts of kafkajs 2.2.4 below its consumer and producer, as far as kafka-connection.ts uses them. */
declare module 'kafkajs/src/network/connectionPool.js' {
  const ConnectionPool: new (options: Record<string, unknown>) => unknown;
  export default ConnectionPool;
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  /** The requests of one connection. */
  class RequestQueue {
    /** Those that may not be sent yet. */
    readonly pending: readonly unknown[];
    /** Looks at them again after a while. */
    scheduleCheckPendingRequests(): void;
  }
  export default RequestQueue;
}

declare module 'kafkajs/src/loggers/index.js' {
  const loggers: { createLogger(options: { level: number; logCreator: () => () => void }): unknown };
  export default loggers;
}

declare module 'kafkajs/src/producer/partitioners/default/murmur2.js' {
  /** Signed, 32 bits, as Java's. */
  const murmur2: (key: string) => number;
  export default murmur2;
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  /** The versions of a request; what they are made of is loaded when one is made. */
  type RequestDefinition = object;
  type RequestName = 'GroupCoordinator' | 'InitProducerId' | 'Produce';
  const protocol: {
    readonly apiKeys: Readonly<Record<RequestName, number>>;
    readonly requests: Readonly<Record<RequestName, RequestDefinition>>;
  };
  export default protocol;
}

declare module 'kafkajs/src/broker/index.js' {
  type Headers = Readonly<Record<string, string>>;
  type Partitions<Partition> = readonly { readonly topic: string; readonly partitions: readonly Partition[] }[];

  /** One broker over sockets of our own; every call rejects with an error that has the protocol's name of it as `type`. */
  class Broker {
    constructor(options: Record<string, unknown>);
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    /** Once connected: makes the request in the newest version that both sides know, and throws where there is none. */
    lookupRequest(apiKey: number, definition: object): (options: object) => unknown;
    metadata(topics: readonly string[]): Promise<{
      brokers: { nodeId: number; host: string; port: number }[];
      controllerId: number;
      topicMetadata: { topic: string; partitionMetadata: { partitionId: number; leader: number }[] }[];
    }>;
    produce(request: {
      topicData: Partitions<{
        partition: number;
        firstSequence?: number;
        messages: readonly { key: string | null; value: string | null; headers: Headers; timestamp: number }[];
      }>;
      producerId?: string;
      producerEpoch?: number;
      acks: number;
      timeout: number;
    }): Promise<{ topics: { topicName: string; partitions: { partition: number; baseOffset: string }[] }[] }>;
    fetch(request: {
      topics: Partitions<{ partition: number; fetchOffset: string; maxBytes: number }>;
      isolationLevel: number;
      maxWaitTime: number;
      minBytes: number;
      maxBytes: number;
    }): Promise<{
      responses: {
        partitions: {
          highWatermark: string;
          /** The client's name for the log's start. */
          lastStartOffset?: string;
          messages: {
            offset: string;
            timestamp: string;
            key: Buffer | null;
            value: Buffer | null;
            headers: Record<string, Buffer | Buffer[] | undefined>;
            isControlRecord?: boolean;
          }[];
        }[];
      }[];
    }>;
    listOffsets(request: {
      topics: Partitions<{ partition: number; timestamp: number }>;
    }): Promise<{ responses: { partitions: { offset: string }[] }[] }>;
    findGroupCoordinator(request: {
      groupId: string;
      coordinatorType: number;
    }): Promise<{ coordinator: { nodeId: number; host: string; port: number } }>;
    initProducerId(request: {
      transactionalId: string;
      transactionTimeout: number;
    }): Promise<{ producerId: string; producerEpoch: number }>;
    describeConfigs(request: {
      resources: readonly { type: number; name: string; configNames: readonly string[] }[];
    }): Promise<{ resources: { configEntries: { configName: string; configValue: string }[] }[] }>;
    createTopics(request: {
      topics: readonly {
        topic: string;
        numPartitions: number;
        replicationFactor: number;
        configEntries: readonly { name: string; value: string }[];
      }[];
      timeout: number;
    }): Promise<unknown>;
  }
  export default Broker;
}
