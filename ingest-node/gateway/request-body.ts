import type { IncomingMessage } from 'node:http';
import { BadRequest } from './rest-request.ts';

/** Of a body that is too large so many times the limit is read and forgotten; a longer one is cut off. */
const PATIENCE = 4;

/**
 * The body as text. One that is too large is not kept but read to its end all the same: a client that is still writing
 * would not hear the answer.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else chunks.length = 0;
    if (bytes > maxBytes * PATIENCE) request.destroy();
  }
  if (bytes <= maxBytes) return Buffer.concat(chunks).toString();
  throw new BadRequest(`ERR max request size exceeded. Limit: ${maxBytes} bytes, Actual: ${bytes} bytes.`, 413);
}
