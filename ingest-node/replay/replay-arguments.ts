import { optionWords } from '../recording/option-words.ts';

export type ReplayArguments = {
  readonly files: readonly string[];
  /** 1: as fast as it was recorded; `null`: as fast as it goes. */
  readonly speed: number | null;
  /** Where the events go instead of a node; `null` for the running node. */
  readonly toEvents: string | null;
};

export const REPLAY_USAGE = `usage: npm run replay -- [--speed N|max] FILE…
       npm run replay -- --to-events OUT FILE…
  FILE holds one record a line: {"exchange","channel","direction","ts","raw"}; .zst and .gz are decompressed
  --speed 1 takes as long as the recording; max, the default, goes as fast as it can
  --to-events writes the converted events into OUT, one a line, without a node`;

/** What the command line says, or every fault in it. */
export function readReplayArguments(words: readonly string[]): ReplayArguments | string[] {
  const faults: string[] = [];
  const files: string[] = [];
  let speed: number | null = null;
  let hasSpeed = false;
  let toEvents: string | null = null;
  const rest = optionWords(words);
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index]!;
    if (!word.startsWith('-')) files.push(word);
    else if (word !== '--speed' && word !== '--to-events') faults.push(`"${word}" is not understood`);
    else {
      const value = rest[++index];
      if (value === undefined) faults.push(`${word} needs a value`);
      else if (word === '--to-events') toEvents = value;
      else {
        hasSpeed = true;
        speed = value === 'max' ? null : Number(value);
        if (speed !== null && !(/^\d{1,6}(\.\d{1,3})?$/.test(value) && speed > 0)) {
          faults.push(`--speed: "${value}" is neither max nor a number above 0`);
        }
      }
    }
  }
  if (files.length === 0) faults.push('no FILE is named');
  if (hasSpeed && toEvents !== null) faults.push('--speed has no meaning with --to-events');
  return faults.length > 0 ? faults : { files, speed, toEvents };
}
