import type { ManagedService } from './managed-service.ts';
import type { ServiceReport } from './services.ts';

/** Characters that mean themselves to every shell. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/** `KEY=value` for `eval` and for environment files; quoted only where a shell would see more than text in it. */
export function environmentLine(service: ManagedService, address: string): string {
  const value = PLAIN.test(address) ? address : `'${address.replaceAll("'", `'\\''`)}'`;
  return `${service.variable}=${value}`;
}

/** One line per service: its state, where it is, and who answered or why nobody did. */
export function statusTable(reports: readonly ServiceReport[]): string {
  return reports
    .map(({ service, state, address, detail }) => {
      const where = address === null ? '' : `  ${withoutPassword(address)}`;
      return `  ${service.name.padEnd(10)} ${state.padEnd(8)} ${detail}${where}`;
    })
    .join('\n');
}

/** Terminals are photographed. */
function withoutPassword(address: string): string {
  return address.replace(/^(\w+:\/\/[^:@/]*):[^@/]*@/, '$1:…@');
}
