import { ReplyError } from '../reply.ts';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

export function notAnInteger(): ReplyError {
  return new ReplyError('ERR value is not an integer or out of range');
}

/** A whole number as Redis writes it: no sign but a minus, no leading zeros, 64 bits. */
export function parseInteger(text: string): bigint {
  const value = /^(?:0|-?[1-9]\d*)$/.test(text) ? BigInt(text) : null;
  if (value === null || !isInt64(value)) throw notAnInteger();
  return value;
}

export function isInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}

/**
 * When a key expires that was given `amount` of a unit of `unitMs` from `base` (epoch milliseconds, 0 when `amount` is a time
 * itself); what 64 bits cannot hold is refused in the name of `command`.
 */
export function expiryTime(amount: bigint, unitMs: 1 | 1000, base: number, command: string): number {
  const milliseconds = amount * BigInt(unitMs);
  if (!isInt64(milliseconds) || milliseconds > INT64_MAX - BigInt(base)) throw invalidExpiry(command);
  return Number(milliseconds) + base;
}

function invalidExpiry(command: string): ReplyError {
  return new ReplyError(`ERR invalid expire time in '${command}' command`);
}
