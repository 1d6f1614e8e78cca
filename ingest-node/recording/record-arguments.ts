import { optionWords } from './option-words.ts';

export type RecordArguments = {
  /** Milliseconds; `null`: until Ctrl-C. */
  readonly forMs: number | null;
  readonly out: string;
  /** Waits for a node to start, and records it from its first moment. */
  readonly fromStart: boolean;
};

export const RECORD_USAGE = `usage: npm run record -- [--for 90s|10m|1h] [--from-start] --out FILE
  FILE ends in .ndjson.zst, .ndjson.gz or .ndjson; without --for it records until Ctrl-C
  --from-start waits for a node to start: all that it publishes then follows from the recording`;

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };
/** What a timer can wait. */
const LONGEST_MS = 24 * 24 * UNIT_MS['h']!;

/** What the command line says, or every fault in it. */
export function readRecordArguments(words: readonly string[]): RecordArguments | string[] {
  const faults: string[] = [];
  let forMs: number | null = null;
  let out: string | null = null;
  let fromStart = false;
  const rest = optionWords(words);
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index]!;
    if (word === '--from-start') {
      fromStart = true;
      continue;
    }
    if (word !== '--for' && word !== '--out') {
      faults.push(`"${word}" is not understood`);
      continue;
    }
    const value = rest[++index];
    if (value === undefined) faults.push(`${word} needs a value`);
    else if (word === '--out') out = value;
    else {
      forMs = readDuration(value);
      if (forMs === null) faults.push(`--for: "${value}" is not a time such as 90s, 10m or 1h, at most 576h`);
    }
  }
  if (out === null && !rest.includes('--out')) faults.push('--out is missing: the file to write');
  else if (out !== null && !/\.ndjson(\.zst|\.gz)?$/.test(out)) {
    faults.push(`--out: "${out}" should end in .ndjson.zst, .ndjson.gz or .ndjson`);
  }
  return faults.length > 0 || out === null ? faults : { forMs, out, fromStart };
}

/** Milliseconds; `null` when it is no duration. */
function readDuration(text: string): number | null {
  const [, count, unit] = /^(\d{1,6}(?:\.\d{1,3})?)([smh])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) return null;
  const ms = Number(count) * UNIT_MS[unit]!;
  return ms > 0 && ms <= LONGEST_MS ? ms : null;
}
