import type { AgingEntries } from './aging-markets.ts';

/**
 * The ids of one market that came in one generation, each exactly as it was written: an id that is taken for a known one
 * by mistake is a trade that is lost without a word.
 */
export interface IdSet extends AgingEntries {
  has(id: string): boolean;
  /** `false`: it was there. */
  add(id: string): boolean;
}
