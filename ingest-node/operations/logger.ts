import { type DestinationStream, pino } from 'pino';
import type { LogLevel } from '../config/config.ts';

/** What the parts of the service may say to the log: one fact per line, the details as data. */
export type Logger = {
  error(details: object, message: string): void;
  warn(details: object, message: string): void;
  info(details: object, message: string): void;
  debug(details: object, message: string): void;
};

/** JSON lines on standard output, or on `destination`. Tokens never reach it: settings are not logged as a whole. */
export function createLogger(
  level: LogLevel,
  base: { readonly node: string },
  destination?: DestinationStream,
): Logger {
  return pino(
    { level, base, timestamp: pino.stdTimeFunctions.isoTime },
    ...(destination === undefined ? [] : [destination]),
  );
}

export const silentLogger: Logger = { error() {}, warn() {}, info() {}, debug() {} };
