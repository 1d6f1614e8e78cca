import { StringDecoder } from 'node:string_decoder';

/**
 * The lines of a text that comes in pieces, without their ends; the last one also when nothing ends it. Unlike
 * `node:readline` it passes the fault of its source on, after the lines before it.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  // A market list is one line of many pieces: they are joined once, when its end is there.
  let open: string[] = [];
  for await (const chunk of chunks) {
    const text = decoder.write(chunk);
    let start = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const piece = text.slice(start, end);
      const line = open.length === 0 ? piece : open.join('') + piece;
      open = [];
      yield line.endsWith('\r') ? line.slice(0, -1) : line;
      start = end + 1;
    }
    if (start < text.length) open.push(text.slice(start));
  }
  const last = open.join('') + decoder.end();
  if (last !== '') yield last;
}
