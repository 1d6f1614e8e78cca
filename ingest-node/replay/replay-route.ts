import type { ControlCall } from '../operations/control-server.ts';
import { linesOf } from '../recording/lines.ts';
import type { Replayer, ReplayFile } from './replayer.ts';

/**
 * `POST /replay?label=&speed=` with records, one a line: the first file is called `label`, and a line
 * `{"file":"name"}` begins another. `refusal` says why nothing can be replayed now. Answers with the report of each file, one a line, as soon as it is through.
 */
export function replayRoute(replayer: Replayer, refusal: () => string | null): (call: ControlCall) => Promise<void> {
  return async ({ query, body, response, signal }) => {
    const reason = refusal();
    if (reason !== null) throw new Error(reason);
    const speed = query.has('speed') ? Number(query.get('speed')) : null;
    if (speed !== null && !(speed > 0)) throw new Error('speed should be a number above 0');
    const files = filesIn(linesOf(body), query.get('label') ?? 'unnamed');
    for await (const report of replayer.replay(files, speed, signal)) {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(`${JSON.stringify(report)}\n`);
    }
    response.end();
  };
}

export function fileMarker(label: string): string {
  return JSON.stringify({ file: label });
}

/** One file after the other: each must be read to its end before the next. */
async function* filesIn(lines: AsyncGenerator<string>, firstLabel: string): AsyncGenerator<ReplayFile> {
  let label: string | null = firstLabel;
  let next: string | null;
  async function* untilMarker(): AsyncGenerator<string> {
    for (let { value, done } = await lines.next(); !done; { value, done } = await lines.next()) {
      next = labelIn(value);
      if (next !== null) return;
      yield value;
    }
  }
  while (label !== null) {
    next = null;
    yield { label, lines: untilMarker() };
    label = next;
  }
}

/** `null` when the line is none. */
function labelIn(line: string): string | null {
  if (!line.startsWith('{"file":') || line.includes('"raw":')) return null;
  try {
    return String((JSON.parse(line) as { file: unknown }).file);
  } catch {
    return null;
  }
}
