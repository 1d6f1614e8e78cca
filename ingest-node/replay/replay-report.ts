/** What became of the records of one file. */
export type ReplayReport = {
  records: number;
  /** Frames that held market data, published or left out as already known. */
  data: number;
  control: number;
  /** Frames of which nothing became an event, and why the first of them. */
  rejected: number;
  rejectionSamples: string[];
  /** Bodies that were market lists, and the instruments they named. */
  marketLists: number;
  instruments: number;
  /** Frames of the client, and REST bodies that are no market list. */
  skipped: number;
  /** Lines that are no records, with the reason of the first few. */
  faults: number;
  faultSamples: string[];
};

const MAX_SAMPLES = 5;

export function emptyReport(): ReplayReport {
  return {
    records: 0,
    data: 0,
    control: 0,
    rejected: 0,
    rejectionSamples: [],
    marketLists: 0,
    instruments: 0,
    skipped: 0,
    faults: 0,
    faultSamples: [],
  };
}

/** Keeps the first few. */
export function addSample(samples: string[], sample: string): void {
  if (samples.length < MAX_SAMPLES) samples.push(sample);
}

/** One line for people. */
export function describeReport(report: ReplayReport): string {
  const { records, data, control, rejected, marketLists, instruments, skipped, faults } = report;
  const parts = [`${records} records`, `${data} data`, `${control} control`, `${rejected} rejected`];
  if (marketLists > 0) parts.push(`${instruments} instruments learnt`);
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (faults > 0) parts.push(`${faults} unreadable`);
  return parts.join(', ');
}
