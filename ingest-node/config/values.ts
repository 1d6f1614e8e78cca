/** What more than one setting is made of. Readers add their fault to the list, and answer something. */

/** A TCP port; 0 asks the system for a free one. */
export function readPort(value: string | null, name: string, byDefault: number, faults: string[]): number {
  if (value === null) return byDefault;
  const port = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (port <= 65_535) return port;
  faults.push(`${name}: "${value}" is not a port number from 0 to 65535`);
  return byDefault;
}

/** An `http:` or `https:` address without a slash at its end. */
export function readUrl(value: string | null, name: string, faults: string[]): string | null {
  if (value === null) return null;
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    faults.push(`${name}: "${value}" is not an http:// or https:// address`);
    return null;
  }
  return url.href.replace(/\/+$/, '');
}

/** The parts of a list with commas. */
export function serverList(text: string): string[] {
  return text.split(',').map(part => part.trim());
}

export function isHostAndPort(text: string): boolean {
  const [, port] = /^(?:[\w.-]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}
