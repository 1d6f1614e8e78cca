import type { ComponentHealth, StreamPathState } from './service-info.ts';

/** Why an upgrade is refused before it becomes a session. */
export type UpgradeRefusal = {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Where the stream is to be had instead. */
  readonly fallback?: string;
};

/** Why nobody gets the stream of a path, to an upgrade and to plain HTTP alike; `null`: it is there. */
export function refusePath(
  paths: readonly StreamPathState[],
  components: readonly Pick<ComponentHealth, 'name' | 'state'>[],
  pathname: string,
): UpgradeRefusal | null {
  const path = paths.find(candidate => candidate.path === pathname);
  if (path === undefined) return { status: 404, code: 'notFound', message: `there is no stream at ${pathname}` };
  if (path.reason === null) return null;
  const isEnabled = components.some(({ name, state }) => `/ws/${name}` === pathname && state !== 'disabled');
  const code = isEnabled ? 'unavailable' : 'notEnabled';
  return { status: 503, code, message: path.reason, fallback: '/ws/exchange' };
}

/** What such a refusal says, as JSON. */
export function refusalBody({ code, message, fallback }: UpgradeRefusal) {
  return { error: { code, message }, ...(fallback === undefined ? {} : { fallback }) };
}
