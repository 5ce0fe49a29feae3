/** Every venue at once, for whoever needs more than one. */

import type { Venue } from '../core/venue.ts';
import { ccxtVenue } from './ccxt/index.ts';
import { genericId, loadVenues } from './registry.ts';

export const VENUES: readonly Venue[] = await loadVenues();

export function venueById(id: string): Venue | undefined {
  return VENUES.find((venue) => venue.id === id);
}

/** The venue that the settings call so. */
export function venueByKey(key: string): Venue | undefined {
  const id = genericId(key);
  return id === null ? venueById(key) : ccxtVenue(id);
}

/** All venues of the registry, and the others that these settings name. */
export function venuesOf(settings: { readonly venues: Readonly<Record<string, unknown>> }): readonly Venue[] {
  return [
    ...VENUES,
    ...Object.keys(settings.venues).flatMap((key) => (genericId(key) ? (venueByKey(key) ?? []) : [])),
  ];
}
