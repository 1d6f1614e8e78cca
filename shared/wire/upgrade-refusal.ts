/** Why an upgrade is refused before it becomes a session. */
export type UpgradeRefusal = {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Where the stream is to be had instead. */
  readonly fallback?: string;
};

/** What such a refusal says, as JSON. */
export function refusalBody({ code, message, fallback }: UpgradeRefusal) {
  return { error: { code, message }, ...(fallback === undefined ? {} : { fallback }) };
}
