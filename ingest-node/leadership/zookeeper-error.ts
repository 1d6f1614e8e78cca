/** What can go wrong with one call, as data. */
export type ZookeeperFault =
  /** The link is gone or was never there; whether the call happened is not known. */
  | 'connectionLost'
  /** No answer in time; whether the call happened is not known. */
  | 'timeout'
  | 'sessionExpired'
  | 'noNode'
  | 'nodeExists'
  | 'badVersion'
  /** Anything else ZooKeeper says: access lists, quotas, broken requests. */
  | 'refused';

export class ZookeeperError extends Error {
  readonly fault: ZookeeperFault;

  constructor(fault: ZookeeperFault, message: string) {
    super(message);
    this.name = 'ZookeeperError';
    this.fault = fault;
  }
}

export const isFault = (error: unknown, fault: ZookeeperFault): boolean =>
  error instanceof ZookeeperError && error.fault === fault;
