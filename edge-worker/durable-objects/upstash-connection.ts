import { Redis } from '@upstash/redis/cloudflare';
import { type RestAccess, RestConnection, restClientSettings } from '../../shared/stream/redis/rest-connection.ts';

/** A Redis over the Upstash REST protocol, from a Worker: Upstash itself, or a gateway. The only file that knows its client. */
export class UpstashConnection extends RestConnection {
  constructor(access: RestAccess) {
    super(access, new Redis(restClientSettings(access)));
  }
}
