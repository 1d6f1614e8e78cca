import { expect, test } from 'vitest';
import { linesOf } from './lines.ts';

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const seen: string[] = [];
  for await (const line of lines) seen.push(line);
  return seen;
}

test('lines are the same however the bytes are cut, in the middle of a character too', async () => {
  const bytes = Buffer.from('비트코인\r\n\n{"a":"\\n"}\nno end 원');
  for (let size = 1; size <= bytes.length; size++) {
    expect(await all(linesOf(pieces(bytes, size)))).toEqual(['비트코인', '', '{"a":"\\n"}', 'no end 원']);
  }
  expect(await all(linesOf(pieces(Buffer.from('a\n'), 1)))).toEqual(['a']);
});

test('a fault of the source comes after the whole lines before it; the open one is dropped', async () => {
  async function* breaking(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('one\ntwo\nthr');
    throw new Error('cut');
  }
  const seen: string[] = [];
  const reading = (async () => {
    for await (const line of linesOf(breaking())) seen.push(line);
  })();
  await expect(reading).rejects.toThrow('cut');
  expect(seen).toEqual(['one', 'two']);
});
