/** Which paths a server has, and why nobody gets the stream of one: the same words on every tier, to an upgrade and to plain HTTP. */
import type { ComponentHealth, StreamPathState } from './service-info.ts';
import type { UpgradeRefusal } from './upgrade-refusal.ts';

/** The stream from whatever is best at the moment: it is always there. */
export const BEST_PATH: StreamPathState = { path: '/ws/exchange', refusal: null };

/** The stream as one infrastructure gives it back, at the path that has its name: there while that is up. */
export function pathOf(
  { name, title }: { readonly name: string; readonly title: string },
  { state, lastError }: Pick<ComponentHealth, 'state' | 'lastError'>,
): StreamPathState {
  const path = `/ws/${name}` as const;
  if (state === 'up') return { path, refusal: null };
  if (state === 'disabled') return { path, refusal: refusal('notEnabled', `${title} is not enabled`) };
  return {
    path,
    refusal: refusal('unavailable', `${title} is down: ${lastError ?? 'it has not answered yet'}`),
  };
}

/** `null`: the stream is there. */
export function refusePath(paths: readonly StreamPathState[], pathname: string): UpgradeRefusal | null {
  const known = paths.find(({ path }) => path === pathname);
  return known === undefined
    ? { status: 404, code: 'notFound', message: `there is no stream at ${pathname}` }
    : known.refusal;
}

function refusal(code: string, reason: string): UpgradeRefusal {
  return { status: 503, code, message: `${reason}; use ${BEST_PATH.path}`, fallback: BEST_PATH.path };
}
