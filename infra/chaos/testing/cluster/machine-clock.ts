/** The machine's monotonic clock in milliseconds, the same in every process. */
export const machineNow = (): number => Number(process.hrtime.bigint()) / 1e6;
