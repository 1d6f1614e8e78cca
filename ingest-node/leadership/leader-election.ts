/**
 * Who leads. Exactly one node holds the exchange sockets and seals the stream; it leads for one *term*, and the term's
 * epoch is above every epoch that was ever remembered and never below the current Unix second (rule EPO2), so that wiped
 * storage cannot take consumers back.
 */
export type LeaderElection = {
  /** Resolves when this node leads. Rejects when it cannot know which epoch is new. */
  lead(): Promise<Term>;
  /** Gives up the term, if there is one. */
  stop(): Promise<void>;
};

export type Term = {
  readonly epoch: number;
  /** Asked at every seal: may this node still write (rule FEN1)? */
  mayWrite(): boolean;
};
