/** `min 12, median 15, max 40 ms` of several measurements. */
export function spread(values: readonly number[], unit = ' ms'): string {
  if (values.length === 0) return 'nothing measured';
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)]!);
  return `min ${at(0)}, median ${at(0.5)}, max ${at(1)}${unit}`;
}
