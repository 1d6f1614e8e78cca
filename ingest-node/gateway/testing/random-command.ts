import type { Command } from '../gateway-store.ts';
import { scriptSha } from '../registered-script.ts';
import { SAMPLE_SCRIPT } from './sample-script.ts';

/** Few keys, so that types and commands collide. */
const KEYS = ['a', 'b', 'c', 'd'];
const TEXTS = ['', '0', '5', '-3', '007', '9223372036854775807', 'text', '한국', 'a,b\nc', '{"x":[1]}', '1.5', ' 1'];
const IDS = [
  ...['0-0', '0-1', '1', '1-0', '1-5', '2-1', '5-*', '0-*', '7', '7-3', '18446744073709551615-18446744073709551615'],
  ...['18446744073709551616', '-', '+', '(1', '(1-5', '(-', '(+', '(0-0', '(18446744073709551615-18446744073709551615'],
  ...['x', '1-x', '', '-1', '1-', '+3', '007-1', '1-2-3', '*-1'],
];
const NUMBERS = ['0', '1', '2', '3', '10', '-1', '1000', 'x', '', '1.0', '99999999999999999999'];
const UNLIKELY_LIFETIMES = ['0', '-1', '', 'x', '1.0', '99999999999', '9223372036854775807', '99999999999999999999'];

/** One random command, right or wrong in any way that the allowed commands can be. */
export function randomCommand(random: () => number): Command {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const chance = (share: number) => random() < share;
  const some = <T>(most: number, make: () => T): T[] => Array.from({ length: Math.floor(random() * (most + 1)) }, make);
  const key = () => pick(KEYS);
  const text = () => pick(TEXTS);
  const number = () => pick(NUMBERS);
  const field = () => pick(['f', 'g', 'h']);
  // Mostly an id that grows, so that streams fill.
  const id = () => (chance(0.7) ? `${Math.floor(random() * 40)}-${Math.floor(random() * 4)}` : pick(IDS));
  // Nothing that ends while the test runs, and no two alike: a tick between the stores would decide which is longer.
  const likely = () => String(Math.floor(1e7 + random() * 1e9));
  const lifetime = () => (chance(0.6) ? likely() : pick(UNLIKELY_LIFETIMES));
  const trim = () => [
    pick(['MAXLEN', 'MINID', 'maxlen']),
    ...(chance(0.6) ? [pick(['~', '='])] : []),
    chance(0.5) ? number() : id(),
    ...(chance(0.3) ? ['LIMIT', number()] : []),
  ];
  const makers: readonly (() => Command)[] = [
    () => [
      'SET',
      key(),
      text(),
      ...some(3, () => pick(['NX', 'XX', 'GET', 'KEEPTTL', 'EX', 'PX', 'EXAT', '10000000', 'y'])),
    ],
    () => ['SET', key(), text(), pick(['EX', 'PX', 'EXAT', 'PXAT']), lifetime()],
    () => ['GET', key()],
    () => ['MGET', key(), ...some(2, key)],
    () => ['INCR', key()],
    () => ['INCRBY', key(), pick([...TEXTS, ...NUMBERS])],
    () => ['DEL', ...some(3, key)],
    () => ['UNLINK', key()],
    () => ['EXISTS', key(), ...some(2, key)],
    () => ['TYPE', key()],
    () => ['TTL', key()],
    () => ['PERSIST', key()],
    () => [
      'EXPIRE',
      key(),
      pick([likely(), likely(), ...UNLIKELY_LIFETIMES.filter(amount => amount !== '99999999999')]),
      ...some(2, () => pick(['NX', 'XX', 'gt', 'LT', 'z'])),
    ],
    () => ['PEXPIRE', key(), lifetime()],
    () => ['HSET', key(), ...some(5, () => (chance(0.6) ? field() : text()))],
    () => ['HGET', key(), field()],
    () => ['HMGET', key(), ...some(3, field)],
    () => ['HGETALL', key()],
    () => ['HDEL', key(), field(), ...some(2, field)],
    () => ['HLEN', key()],
    () => ['HEXISTS', key(), field()],
    () => ['XADD', key(), ...(chance(0.3) ? trim() : []), id(), 'f', text(), ...(chance(0.1) ? ['g'] : [])],
    () => ['XADD', key(), id(), 'batch', text()],
    () => ['XADD', key(), pick(['NOMKSTREAM', 'nomkstream', 'LIMIT']), ...some(1, number), id(), 'f', text()],
    () => ['XTRIM', key(), ...trim()],
    () => ['XLEN', key()],
    () => ['XDEL', key(), id(), ...some(2, id)],
    () => ['XRANGE', key(), id(), id(), ...some(1, () => 'COUNT'), ...some(1, number)],
    () => ['XRANGE', key(), '-', '+'],
    () => ['XRANGE', key(), `(${id()}`, '+', 'COUNT', number()],
    () => ['XREVRANGE', key(), pick(['+', id()]), pick(['-', id()]), 'COUNT', number()],
    () => ['PUBLISH', key(), text()],
    () => ['PING', ...some(2, text)],
    () => ['ECHO', text()],
    () => ['EVAL', SAMPLE_SCRIPT.source, pick(['2', '2', '2', '9', '-1', 'x']), key(), key(), ...scriptArguments()],
    () => ['EVALSHA', scriptSha(SAMPLE_SCRIPT.source), '2', key(), key(), ...scriptArguments()],
    () => ['SCRIPT', 'EXISTS', scriptSha(SAMPLE_SCRIPT.source), 'f'.repeat(40)],
  ];
  const scriptArguments = () => [
    pick(['number', 'status', 'error', 'nothing', 'missing', 'list', 'caught', 'write', 'write']),
    text(),
    id(),
  ];
  const command = pick(makers)();
  // Now and then a word too few or too many, or a name in small letters.
  if (chance(0.03) && command.length > 1) return command.slice(0, -1);
  if (chance(0.02)) return [...command, text()];
  return chance(0.1) ? [command[0]!.toLowerCase(), ...command.slice(1)] : command;
}
