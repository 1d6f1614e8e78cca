/**
 * `npm run services:up`, `services:down`, `services:status`, `services:install`, each with names of services to mean only these. Lines
 * `KEY=value` for a shell go to standard output, everything for people to standard error.
 * Exit code 0: all of it is so; 1: something does not work; 2: it was asked wrongly.
 */
import { ServicesError } from './managed-service.ts';
import { SERVICES } from './registry.ts';
import { type ServiceReport, Services } from './services.ts';
import { environmentLine, statusTable } from './services-report.ts';
import { readServicesSettings } from './services-settings.ts';

const COMMANDS = ['up', 'down', 'status', 'install'];

const [command = '', ...names] = process.argv.slice(2);
const { settings, faults } = readServicesSettings(process.env, SERVICES);
const chosen = SERVICES.filter(({ name }) => names.length === 0 || names.includes(name));
const known = SERVICES.map(({ name }) => name);
const wrong = [
  ...(COMMANDS.includes(command) ? [] : [`“${command}” is none of ${COMMANDS.join(', ')}`]),
  ...names.filter(name => !known.includes(name)).map(name => `“${name}” is none of ${known.join(', ')}`),
  ...faults,
];
if (wrong.length > 0) {
  say(wrong.map(fault => `  ${fault}`).join('\n'));
  process.exit(2);
}

const services = new Services(settings, ({ name }, text) => say(`  ${name.padEnd(10)} ${text}`));

try {
  if (command === 'up') tell(await services.up(chosen));
  if (command === 'install') await services.install(chosen);
  if (command === 'down') await services.down(chosen);
  if (command === 'status') {
    const reports = await services.status(chosen);
    say(statusTable(reports));
    tell(reports);
    process.exitCode = reports.every(({ address }) => address !== null) ? 0 : 1;
  }
} catch (error) {
  process.exitCode = 1;
  for (const fault of error instanceof AggregateError ? error.errors : [error]) {
    if (!(fault instanceof ServicesError)) throw fault;
    say(`  ${fault.message}`);
  }
}

function tell(reports: readonly ServiceReport[]): void {
  for (const { service, address } of reports) {
    if (address !== null) console.log(environmentLine(service, address));
  }
}

function say(text: string): void {
  console.error(text);
}
