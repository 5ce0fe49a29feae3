/** The registry: one line per venue; and any other exchange that ccxt knows, by `ccxt:<id>`. */

import type { Venue } from '../core/venue.ts';
import { binance } from './binance/index.ts';
import { bitflyer } from './bitflyer/index.ts';
import { bybit } from './bybit/index.ts';
import { ccxtVenue } from './ccxt/index.ts';
import { okx } from './okx/index.ts';

export const VENUES: readonly Venue[] = [bitflyer, binance, bybit, okx];

export function venueById(id: string): Venue | undefined {
  return VENUES.find((venue) => venue.id === id);
}

/** ccxt's id of a settings key `ccxt:<id>`; null for any other key, and for a venue of our own. */
export function genericId(key: string): string | null {
  const id = /^ccxt:([a-z0-9]+)$/.exec(key)?.[1] ?? null;
  return id === null || venueById(id) !== undefined ? null : id;
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
