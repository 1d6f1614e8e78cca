/**
 * A process that does nothing but ask for its timer again and again, and tells how late that came: what of a silence is
 * the machine's own. One JSON line on standard output for every delay worth telling, `{at, stallMs}`.
 */
import { machineNow } from './machine-clock.ts';

const ASK_EVERY_MS = 5;
const WORTH_TELLING_MS = 10;

let last = machineNow();
setInterval(() => {
  const at = machineNow();
  const stallMs = at - last - ASK_EVERY_MS;
  if (stallMs >= WORTH_TELLING_MS) console.log(JSON.stringify({ at, stallMs }));
  last = at;
}, ASK_EVERY_MS);
