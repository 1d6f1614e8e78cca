/**
 * The protections that the stream relies on, and how a test takes one of them out of a running program: by replacing its
 * text while the program is loaded. The product has no such switches.
 */
export type Protection = 'leaseCheck' | 'writerCheck' | 'trimming' | 'holeDetection' | 'tradeMemory';

export type Replacement = {
  /** From the root of the repository. */
  readonly file: string;
  /** Must stand there exactly once: a protection that was moved shall not be taken for one that is not needed. */
  readonly text: string;
  readonly by: string;
};

const RECEIVER = 'shared/stream/stream-receiver.ts';

export const PROTECTIONS: Readonly<Record<Protection, readonly Replacement[]>> = {
  /** Rule FEN1: who was frozen goes on writing. */
  leaseCheck: [
    { file: 'ingest-node/distribution/distributor.ts', text: 'if (!term.mayWrite()) {', by: 'if (false) {' },
  ],
  /** Rule ORD2: records of a deposed leader are taken for the truth. */
  writerCheck: [
    {
      file: RECEIVER,
      text: 'if (message.writer < this.#writer && !this.#isFinished(got))',
      by: 'if (false)',
    },
  ],
  /** Rule TRM1: what paths repeat is delivered again. */
  trimming: [
    { file: RECEIVER, text: 'if (got.offset <= have.offset) return', by: 'if (false) return' },
    { file: RECEIVER, text: 'first: have.offset + 1,', by: 'first,' },
    {
      file: RECEIVER,
      text: 'events: first <= have.offset ? events.filter(event => event.offset > have.offset) : events,',
      by: 'events,',
    },
  ],
  /** Rule GAP1: what is missing goes unnoticed. */
  holeDetection: [
    {
      file: RECEIVER,
      text: "if (have === 'unreachable' || first > have.offset + 1) return",
      by: "if (have === 'unreachable') return",
    },
  ],
  /** Rule TRD1: what exchanges repeat is published again. */
  tradeMemory: [
    {
      file: 'ingest-node/conversion/trade-memory.ts',
      text: 'if (!this.#noteId(trade, now)) return false;',
      by: 'this.#noteId(trade, now);',
    },
  ],
};

/** What a program says of each replacement when it is made. */
export function announcement(protection: string, { file }: Replacement): string {
  return `switched off: ${protection} in ${file}`;
}
