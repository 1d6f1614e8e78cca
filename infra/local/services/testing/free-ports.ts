import { isFree } from '../ports.ts';

/**
 * Below what systems hand out for outgoing connections (Linux from 32768, macOS from 49152): a port that a server
 * gives up while it is restarted is not taken by somebody's connection meanwhile.
 */
const LOWEST = 20_000;
/** Test processes that run at once have a part each, or one would take what another's server gives up meanwhile. */
const PARTS = 8;
const PER_PART = 1_500;

const from = LOWEST + (Number(process.env['VITEST_POOL_ID'] ?? 0) % PARTS) * PER_PART;
/** Ports are handed out in turn, from a place drawn by lot: none again before all the others were. */
let turn = Math.floor(Math.random() * PER_PART);

/** Ports of the loopback address where nobody listens at this moment, all different, one after the other. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const port = nextPort();
    if (await isFree(port)) found.push(port);
  }
  return found;
}

/** The first of so many ports in a row where nobody listens. */
export async function freePortsInARow(count: number): Promise<number> {
  for (;;) {
    const ports = Array.from({ length: count }, nextPort);
    const [first = 0] = ports;
    const isRow = ports.at(-1) === first + count - 1;
    if (isRow && (await Promise.all(ports.map(isFree))).every(Boolean)) return first;
  }
}

function nextPort(): number {
  turn = (turn + 1) % PER_PART;
  return from + turn;
}
