/**
 * The registry: one line per venue; and any other exchange that ccxt knows, by `ccxt:<id>`. Each is loaded by itself, so
 * that a fetcher's thread holds its own venue and no other.
 */

import type { Venue } from '../core/venue.ts';

const LOADERS = {
  bitflyer: async (): Promise<Venue> => (await import('./bitflyer/index.ts')).bitflyer,
  binance: async (): Promise<Venue> => (await import('./binance/index.ts')).binance,
  bybit: async (): Promise<Venue> => (await import('./bybit/index.ts')).bybit,
  okx: async (): Promise<Venue> => (await import('./okx/index.ts')).okx,
};

const isOurs = (id: string): id is keyof typeof LOADERS => Object.hasOwn(LOADERS, id);

/** ccxt's id of a settings key `ccxt:<id>`; null for any other key, and for a venue of our own. */
export function genericId(key: string): string | null {
  const id = /^ccxt:([a-z0-9]+)$/.exec(key)?.[1] ?? null;
  return id === null || isOurs(id) ? null : id;
}

/** The venue that the settings call so. */
export async function loadVenue(key: string): Promise<Venue | undefined> {
  if (isOurs(key)) return LOADERS[key]();
  const id = genericId(key);
  return id === null ? undefined : (await import('./ccxt/index.ts')).ccxtVenue(id);
}

/** All venues of the registry. */
export const loadVenues = (): Promise<readonly Venue[]> =>
  Promise.all(Object.values(LOADERS).map((load) => load()));
