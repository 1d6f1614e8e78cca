export type RecordProgress = {
  readonly records: number;
  /** As received, and as it is in the file. */
  readonly receivedBytes: number;
  readonly fileBytes: number;
  readonly elapsedMs: number;
  /** `null`: until Ctrl-C. */
  readonly forMs: number | null;
};

/** `1,204 records, 3.1 MiB (0.4 MiB in the file), 0:12 of 10:00, 9:48 left` */
export function describeProgress({ records, receivedBytes, fileBytes, elapsedMs, forMs }: RecordProgress): string {
  const bytes = `${mebibytes(receivedBytes)} MiB (${mebibytes(fileBytes)} MiB in the file)`;
  const time =
    forMs === null
      ? `${clockText(elapsedMs)}, Ctrl-C ends it`
      : `${clockText(elapsedMs)} of ${clockText(forMs)}, ${clockText(Math.max(0, forMs - elapsedMs))} left`;
  return `${records.toLocaleString('en')} records, ${bytes}, ${time}`;
}

export function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}

/** `0:12`, `10:00`, `1:00:05` */
function clockText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
