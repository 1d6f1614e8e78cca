import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { answerControl, type ControlContext } from './control/control-api.ts';
import type { FaultTarget } from './control/faults.ts';
import { proxyPage } from './control/rest-faults.ts';
import { EXCHANGES, type ExchangeName } from './market/instruments.ts';
import type { RestAnswer } from './protocols/exchange-protocol.ts';
import { noteConnection } from './protocols/outgoing-line.ts';

type Targets = Record<ExchangeName, FaultTarget>;

/** Room for a thousand stream names in an address. */
const MAX_HEADER_BYTES = 256 * 1024;
const NOT_FOUND: RestAnswer = { status: 404, headers: {}, body: 'Not Found' };
const BAD_REQUEST: RestAnswer = { status: 400, headers: {}, body: 'Bad Request' };

/** Both as PEM text. */
export type Certificate = { readonly key: string; readonly cert: string };

/** The one port: sorts requests and upgrades by the first part of their path. With a certificate it speaks TLS only. */
export function createFront(
  targets: Targets,
  control: ControlContext,
  certificate: Certificate | null,
): { server: Server | TlsServer; webSockets: WebSocketServer[] } {
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    answer(request, targets, control)
      .then(reply => (reply === null ? request.socket.destroy() : send(response, reply)))
      .catch((error: unknown) => send(response, { status: 500, headers: {}, body: String(error) }));
  };
  const limits = { maxHeaderSize: MAX_HEADER_BYTES };
  const server =
    certificate === null ? createServer(limits, take) : createTlsServer({ ...limits, ...certificate }, take);
  return { server, webSockets: acceptWebSockets(server, targets) };
}

/** Host and port of an address do not matter; null when it is none. */
function urlOf(request: IncomingMessage): URL | null {
  const path = request.url ?? '/';
  return URL.canParse(`http://simulator${path}`) ? new URL(`http://simulator${path}`) : null;
}

type Route = { exchange: ExchangeName; target: FaultTarget; path: string; query: URLSearchParams };

function routeOf({ pathname, searchParams }: URL, targets: Targets): Route | null {
  const exchange = EXCHANGES.find(name => pathname === `/${name}` || pathname.startsWith(`/${name}/`));
  if (exchange === undefined) return null;
  const path = pathname.slice(exchange.length + 1) || '/';
  return { exchange, target: targets[exchange], path, query: searchParams };
}

/** The answer to a plain HTTP request; null stands for hanging up. */
async function answer(request: IncomingMessage, targets: Targets, control: ControlContext): Promise<RestAnswer | null> {
  const url = urlOf(request);
  if (url === null) return BAD_REQUEST;
  const { pathname, searchParams } = url;
  if (pathname.startsWith('/control/')) {
    return answerControl(request, pathname.slice('/control'.length), searchParams, control);
  }
  const route = routeOf(url, targets);
  if (route === null) return NOT_FOUND;
  const { gate, protocol } = route.target;
  // Whoever is turned away has asked all the same.
  const { refusal, headers } = gate.limits.call(addressOf(request), route.path, route.query, hasOrigin(request));
  if (gate.isRefusing) return gate.refusal === 'destroy' ? null : proxyPage(gate.refusal === 'http502' ? 502 : 503);
  if (request.method !== 'GET') return { status: 405, headers: { allow: 'GET' }, body: 'Method Not Allowed' };
  gate.restRequests += 1;
  if (refusal !== null) return refusal;
  const wrong = gate.restFaults.take(route.exchange, route.path);
  if (wrong !== null) return wrong;
  const right = protocol.rest(route.path, route.query);
  return { ...right, headers: { ...right.headers, ...headers } };
}

/** Limits are counted per address. */
function addressOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? '';
}

function hasOrigin(request: IncomingMessage): boolean {
  return request.headers.origin !== undefined;
}

function send(response: ServerResponse, { status, headers, body }: RestAnswer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function acceptWebSockets(server: Server | TlsServer, targets: Targets): WebSocketServer[] {
  const shared = { noServer: true, autoPong: false, clientTracking: false, maxPayload: 1024 * 1024 };
  const plain = new WebSocketServer({ ...shared, perMessageDeflate: false });
  const deflating = new WebSocketServer({
    ...shared,
    perMessageDeflate: { zlibDeflateOptions: { level: 1 }, threshold: 256 },
  });
  deflating.on('headers', (headers, request) => {
    if (request.url?.startsWith('/upbit/')) {
      headers.push('remaining-req: group=websocket; min=300; sec=3', 'limit-by-ip: Yes');
    }
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    const url = urlOf(request);
    const route = url === null ? null : routeOf(url, targets);
    const refusal = route === null ? NOT_FOUND : refusalOf(request, route);
    if (refusal === 'destroy') {
      socket.destroy();
    } else if (refusal !== null || route === null) {
      refuse(socket, refusal ?? NOT_FOUND);
    } else {
      const acceptor = route.target.protocol.compresses ? deflating : plain;
      acceptor.handleUpgrade(request, socket, head, webSocket => {
        noteConnection(webSocket, socket);
        route.target.protocol.open(webSocket, route.path, route.query);
      });
    }
  });
  return [plain, deflating];
}

function refusalOf(request: IncomingMessage, route: Route): RestAnswer | 'destroy' | null {
  const { gate, protocol } = route.target;
  const tooMany = gate.limits.connect(addressOf(request), hasOrigin(request));
  if (gate.isRefusing)
    return gate.refusal === 'destroy' ? 'destroy' : proxyPage(gate.refusal === 'http502' ? 502 : 503);
  if (request.method !== 'GET') return { status: 405, headers: {}, body: 'Method Not Allowed' };
  return tooMany ?? protocol.refuses(route.path, route.query);
}

function refuse(socket: Duplex, { status, headers, body }: RestAnswer): void {
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status} Refused\r\n${head}\r\n${body}`);
}
