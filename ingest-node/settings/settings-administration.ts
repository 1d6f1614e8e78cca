/** How a person changes the settings: what the admin routes ask, and what they are told. */
import type { AuditRecord, TermRecord } from './settings-store.ts';

/** What a change is about: everything, one exchange as `exchanges/upbit`, or the switches. */
export type SettingsSubject =
  | { readonly kind: 'settings' }
  | { readonly kind: 'exchange'; readonly exchange: string }
  | { readonly kind: 'switches' };

export type SettingsRequest = {
  readonly subject: SettingsSubject;
  /** Replaces the subject; what it leaves out is as by default. */
  readonly document: unknown;
  /** The version it was made from; `any` overrides whatever there is. */
  readonly expectedVersion: number | 'any';
  readonly who: string;
};

export type SettingsAnswer =
  | { readonly kind: 'ok'; readonly version: number; readonly document: unknown }
  /** There is no such exchange. */
  | { readonly kind: 'unknownSubject'; readonly message: string }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] }
  /** Somebody else was quicker. */
  | { readonly kind: 'conflict'; readonly version: number }
  /** The database cannot be used now. */
  | { readonly kind: 'unavailable'; readonly reason: string };

export type SettingsAdministration = {
  /** What this node goes by at the moment, from the cache while the database is away. */
  show(subject: SettingsSubject): SettingsAnswer;
  change(request: SettingsRequest): Promise<SettingsAnswer>;
  /** Newest first; rejects while the database cannot be used. */
  audit(limit: number): Promise<readonly AuditRecord[]>;
  terms(limit: number): Promise<readonly TermRecord[]>;
};
