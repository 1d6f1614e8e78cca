import { Redis } from '@upstash/redis';
import { type RestAccess, RestConnection, restClientSettings } from '../../shared/stream/redis/rest-connection.ts';

/** A Redis over the Upstash REST protocol, from Node. The only file that knows its client. */
export class RestRedisConnection extends RestConnection {
  constructor(access: RestAccess) {
    super(access, new Redis(restClientSettings(access)));
  }
}
