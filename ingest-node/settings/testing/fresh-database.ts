import { createConnection } from 'mysql2/promise';
import type { TestMariaDb } from '../../../infra/local/services/testing/mariadb.ts';

let count = 0;

/** Makes an empty database on the server; answers with its URL. */
export async function freshDatabase(server: TestMariaDb): Promise<string> {
  count += 1;
  const name = `exchange_${count}`;
  await runSql(server.url, `create database ${name}`);
  return server.url.replace(/\/exchange$/, `/${name}`);
}

/** As a person with a console would: one statement on a connection of its own. */
export async function runSql(url: string, statement: string): Promise<void> {
  const connection = await createConnection(url);
  try {
    await connection.query(statement);
  } finally {
    await connection.end();
  }
}
