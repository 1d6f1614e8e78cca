/** Where Cloudflare should put a hub and its shards: the location hints that exist. */
export type LocationHint = 'wnam' | 'enam' | 'sam' | 'weur' | 'apac' | 'apac-ne' | 'oc' | 'afr';

export type Region = { readonly hub: string; readonly hint: LocationHint | null };

/** What Cloudflare says about a visitor; on this machine, nothing. */
export type VisitorPlace = { readonly continent?: unknown; readonly country?: unknown };

const BY_CONTINENT: Readonly<Record<string, LocationHint>> = {
  AF: 'afr',
  AN: 'oc',
  AS: 'apac',
  EU: 'weur',
  NA: 'enam',
  OC: 'oc',
  SA: 'sam',
};

/** Next to Seoul, where two of the exchanges and most of their readers are. */
const NORTH_EAST_ASIA: readonly unknown[] = ['KR', 'JP', 'TW'];

/** One hub per region in use. A visitor from nowhere known is served by the hub `local`. */
export function regionOf(place: VisitorPlace | undefined): Region {
  if (NORTH_EAST_ASIA.includes(place?.country)) return { hub: 'apac-ne', hint: 'apac-ne' };
  const hint = typeof place?.continent === 'string' ? BY_CONTINENT[place.continent] : undefined;
  return hint === undefined ? { hub: 'local', hint: null } : { hub: hint, hint };
}
