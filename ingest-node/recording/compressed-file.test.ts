import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CompressedFileWriter, type FileReading, readFileLines } from './compressed-file.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-'));
});
afterEach(() => rm(directory, { recursive: true }));

const LINES = Array.from({ length: 5_000 }, (_, index) => `${index} ${(index * 2_654_435_761) % 2 ** 32}`);

async function write(path: string, lines: readonly string[]): Promise<void> {
  const writer = await CompressedFileWriter.open(path);
  for (const line of lines) await writer.write(`${line}\n`);
  await writer.end();
}

async function read(path: string): Promise<FileReading & { lines: string[] }> {
  const reading: FileReading = { isCutOff: false };
  const lines: string[] = [];
  for await (const line of readFileLines(path, reading)) lines.push(line);
  return { lines, ...reading };
}

describe.each(['.ndjson', '.ndjson.gz', '.ndjson.zst'])('a file ending in %s', ending => {
  test('gives back what was written', async () => {
    const path = join(directory, `a${ending}`);
    await write(path, LINES);
    expect(await read(path)).toEqual({ lines: LINES, isCutOff: false });
    const isPlain = (await readFile(path)).toString().startsWith(LINES[0]!);
    expect(isPlain).toBe(ending === '.ndjson');
  });

  test('without a line is a whole file', async () => {
    const path = join(directory, `empty${ending}`);
    await write(path, []);
    expect(await read(path)).toEqual({ lines: [], isCutOff: false });
  });

  test('tells the fault that ended it', async () => {
    await expect(write('/dev/full', LINES)).rejects.toThrow('ENOSPC');
  });
});

test.each(['.gz', '.zst'])('what a crash leaves of a %s file is read up to the last flush', async ending => {
  const path = join(directory, `crash${ending}`);
  const writer = await CompressedFileWriter.open(path);
  for (const line of LINES) await writer.write(`${line}\n`);
  writer.flush();
  await expect.poll(async () => (await read(path)).lines.length).toBe(LINES.length);
  expect((await read(path)).isCutOff).toBe(true);
  await writer.end();
});

test('a file that was cut gives whole lines only, and says so', async () => {
  const path = join(directory, 'whole.zst');
  await write(path, LINES);
  const bytes = await readFile(path);
  const cut = join(directory, 'cut.zst');
  await writeFile(cut, bytes.subarray(0, bytes.length - 100));
  const { lines, isCutOff } = await read(cut);
  expect(isCutOff).toBe(true);
  expect(lines).toEqual(LINES.slice(0, lines.length));
});

test('a file that is not what its name says is refused by name', async () => {
  const path = join(directory, 'text.zst');
  await writeFile(path, 'just text\n');
  await expect(read(path)).rejects.toThrow(`cannot read ${path}`);
});
