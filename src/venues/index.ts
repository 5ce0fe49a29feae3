/** The registry: one line per venue. */

import type { Venue } from '../core/venue.ts';
import { binance } from './binance/index.ts';
import { bitflyer } from './bitflyer/index.ts';
import { bybit } from './bybit/index.ts';
import { okx } from './okx/index.ts';

export const VENUES: readonly Venue[] = [bitflyer, binance, bybit, okx];

export function venueById(id: string): Venue | undefined {
  return VENUES.find((venue) => venue.id === id);
}
