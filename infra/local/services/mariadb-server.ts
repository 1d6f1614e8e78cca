import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { LOOPBACK } from './ports.ts';
import { findProgram, type ServerCommand } from './server-command.ts';

/** One MariaDB of ours. */
export interface MariaDbPlan {
  readonly directory: string;
  readonly port: number;
  readonly password: string;
}

const SERVERS = ['mariadbd'];
const INSTALLERS = ['mariadb-install-db'];

/** What a machine lacks to run it; nothing when it can. */
export function missingForMariaDb(): string[] {
  return [SERVERS, INSTALLERS].flatMap(names => (findProgram(names) === undefined ? names : []));
}

/** The application's database, and its user, who may create more databases whose names begin with this one. */
export const MARIADB_DATABASE = 'exchange';
const MARIADB_USER = 'exchange';

const INSTALL_WITHIN_MS = 120_000;

/** Files of a few megabytes instead of hundreds; the same for the installation as for the server. */
const STORAGE_OPTIONS = ['--innodb-log-file-size=4M', '--innodb-data-file-path=ibdata1:4M:autoextend'];
const MEMORY_OPTIONS = [
  '--innodb-buffer-pool-size=16M',
  '--key-buffer-size=64K',
  '--aria-pagecache-buffer-size=1M',
  '--performance-schema=OFF',
  '--max-connections=50',
];

/**
 * Creates the data folder when there is none yet, and says how to run the server. At every start it makes sure of the
 * application's database and user by itself (`--init-file`), so nobody else ever needs to log in.
 * @throws with the installer's words when the data folder cannot be made
 */
export async function prepareMariaDb(plan: MariaDbPlan): Promise<ServerCommand> {
  mkdirSync(plan.directory, { recursive: true, mode: 0o700 });
  const data = join(plan.directory, 'data');
  const program = findProgram(SERVERS) ?? 'mariadbd';
  if (!existsSync(data)) await install(data);
  const init = join(plan.directory, 'init.sql');
  writeFileSync(init, initialStatements(plan.password), { mode: 0o600 });
  const args = [
    '--no-defaults',
    ...runAsOptions(),
    `--datadir=${data}`,
    // Relative to the data folder: an address of a socket may not be longer than about a hundred characters.
    '--socket=server.sock',
    `--pid-file=${join(plan.directory, 'mariadbd.pid')}`,
    `--bind-address=${LOOPBACK}`,
    `--port=${plan.port}`,
    `--init-file=${init}`,
    '--skip-name-resolve',
    ...STORAGE_OPTIONS,
    ...MEMORY_OPTIONS,
  ];
  return { name: 'mariadb', program, args, directory: plan.directory };
}

/** Installs beside the place and moves it there: an interrupted installation is not taken for a whole one. */
async function install(data: string): Promise<void> {
  const unfinished = `${data}.installing`;
  rmSync(unfinished, { recursive: true, force: true });
  const installer = findProgram(INSTALLERS) ?? 'mariadb-install-db';
  const args = [
    '--no-defaults',
    ...runAsOptions(),
    `--datadir=${unfinished}`,
    '--auth-root-authentication-method=socket',
    '--skip-test-db',
    ...STORAGE_OPTIONS,
  ];
  await promisify(execFile)(installer, args, { timeout: INSTALL_WITHIN_MS });
  renameSync(unfinished, data);
}

/** The server refuses to run as root by accident; here it is meant: the folder and the process are one user's. */
function runAsOptions(): string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

/** The server reads one statement per line. The password is hexadecimal, so it needs no escaping. */
function initialStatements(password: string): string {
  const user = `'${MARIADB_USER}'@'${LOOPBACK}'`;
  const statements = [
    `CREATE DATABASE IF NOT EXISTS \`${MARIADB_DATABASE}\` CHARACTER SET utf8mb4`,
    `CREATE USER IF NOT EXISTS ${user}`,
    `ALTER USER ${user} IDENTIFIED BY '${password}'`,
    `GRANT ALL ON \`${MARIADB_DATABASE}%\`.* TO ${user}`,
  ];
  return statements.map(statement => `${statement};\n`).join('');
}

export function mariaDbUrl(plan: Pick<MariaDbPlan, 'port' | 'password'>): string {
  return `mysql://${MARIADB_USER}:${plan.password}@${LOOPBACK}:${plan.port}/${MARIADB_DATABASE}`;
}

/**
 * A round trip: a query as the application's user on the application's database.
 * @returns the server's version
 * @throws what went wrong, in the client's or the server's words
 */
export async function askMySql(url: string, timeoutMs: number): Promise<string> {
  const connection = await createConnection({ uri: url, connectTimeout: timeoutMs });
  try {
    const sql = 'SELECT VERSION() AS version, DATABASE() AS name';
    const [rows] = await connection.query<RowDataPacket[]>({ sql, timeout: timeoutMs });
    const row = rows[0];
    if (typeof row?.['name'] !== 'string') throw new Error('the address names no database');
    return String(row['version']);
  } finally {
    connection.destroy();
  }
}
