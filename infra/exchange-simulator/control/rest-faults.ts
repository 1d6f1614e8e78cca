import { json, type RestAnswer } from '../protocols/exchange-protocol.ts';

/** How a REST call may go wrong although the request was good. */
export const REST_FAULTS = ['html502', 'html503', 'http429', 'error200'] as const;
export type RestFaultKind = (typeof REST_FAULTS)[number];

type Order = { path: string; kind: RestFaultKind; left: number };

/** Answers ordered in advance for the next calls whose path contains a text. */
export class RestFaults {
  #orders: Order[] = [];

  order(path: string, kind: RestFaultKind, count: number): void {
    this.#orders.push({ path, kind, left: count });
  }

  clear(): void {
    this.#orders = [];
  }

  /** The wrong answer that is due for this call, or null. */
  take(exchange: string, path: string): RestAnswer | null {
    const index = this.#orders.findIndex(order => path.includes(order.path));
    const order = this.#orders[index];
    if (order === undefined) return null;
    order.left -= 1;
    if (order.left === 0) this.#orders.splice(index, 1);
    return answerOf(exchange, order.kind);
  }
}

/** The page of a proxy that cannot reach what is behind it. */
export function proxyPage(status: 502 | 503): RestAnswer {
  const words = status === 502 ? '502 Bad Gateway' : '503 Service Temporarily Unavailable';
  const body = `<html><head><title>${words}</title></head><body><center><h1>${words}</h1></center></body></html>`;
  return { status, headers: { 'content-type': 'text/html' }, body };
}

function answerOf(exchange: string, kind: RestFaultKind): RestAnswer {
  switch (kind) {
    case 'html502':
      return proxyPage(502);
    case 'html503':
      return proxyPage(503);
    case 'error200':
      return json('{"error":{"name":500,"message":"Internal server error. Please try again later."}}');
    case 'http429': {
      const headers = { 'retry-after': '1' };
      if (exchange === 'binance') return json('{"code":-1003,"msg":"Too many requests."}', 429, headers);
      return { status: 429, headers: { ...headers, 'content-type': 'text/plain' }, body: 'Too many API requests.' };
    }
  }
}
