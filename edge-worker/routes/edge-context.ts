import type { Context } from 'hono';
import type { Env } from '../env.ts';
import { type HubPath, hubName } from '../fan-out/hub-name.ts';
import { type Region, regionOf, type VisitorPlace } from '../fan-out/region.ts';

export type EdgeContext = Context<{ Bindings: Env }>;

/** The hub that serves this visitor's part of the world. */
export function hubFor(context: EdgeContext, path: HubPath = 'best') {
  const region = visitorRegion(context);
  return context.env.HUB.getByName(hubName(region.hub, path), placedBy(region));
}

export function visitorRegion(context: EdgeContext): Region {
  return regionOf(context.req.raw.cf as VisitorPlace | undefined);
}

export function placedBy({ hint }: Region): DurableObjectNamespaceGetDurableObjectOptions {
  return hint === null ? {} : { locationHint: hint };
}
