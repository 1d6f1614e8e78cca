/**
 * Calls `onAbort` within the very abort, be it over already. The answer ends that: it is true for whoever comes first,
 * once.
 */
export function unlessAborted(signal: AbortSignal, onAbort: () => void): () => boolean {
  let isOver = false;
  const abort = () => {
    isOver = true;
    onAbort();
  };
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return () => {
    if (isOver) return false;
    isOver = true;
    signal.removeEventListener('abort', abort);
    return true;
  };
}
