/** A venue that is served: its market, and what was told of it. */

import { createRecentIds, type RecentIds } from '../core/recent-ids.ts';
import type { JournalEntry, SimInstrument, SimRequest, SimResponse } from '../core/sim.ts';
import type { Venue } from '../core/venue.ts';
import type { Served } from './faults.ts';
import { createMarket, type Market } from './market.ts';
import { offer } from './offer.ts';

const MINUTE_US = 60_000_000;

export interface MarketsOptions {
  readonly seed: number;
  readonly rate: number;
  readonly venues: readonly Venue[];
  /** Symbols to offer beside the venue's own, by venue. */
  readonly symbols: Readonly<Record<string, readonly string[]>>;
}

export interface Place extends Served {
  readonly venue: Venue;
  readonly market: Market;
  requests: number;
  /** Trades that an answer has told, by symbol. */
  readonly told: Map<string, RecentIds>;
  /** Weight used in the running minute, by pool. */
  readonly used: Map<string, { readonly minute: number; readonly weight: number }>;
}

export type Places = ReadonlyMap<string, Place>;

/** What of a venue will be served, before any market is made. */
export function servedOf({ venues, symbols }: Pick<MarketsOptions, 'venues' | 'symbols'>) {
  return new Map(
    venues.map(
      (
        venue,
      ): readonly [string, { readonly venue: Venue; readonly instruments: readonly SimInstrument[] }] => [
        venue.id,
        { venue, instruments: offer(venue.sim.instruments, symbols[venue.id] ?? []) },
      ],
    ),
  );
}

export function placesOf(options: MarketsOptions, startUs: number): Places {
  const { seed, rate } = options;
  return new Map(
    [...servedOf(options)].map(([id, { venue, instruments }]) => {
      // The venues' markets are not copies of one another.
      const own = [...id].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 0);
      const market = createMarket({ instruments, seed: (seed + own) % 1_000_003, rate, startUs });
      return [id, { venue, instruments, market, requests: 0, told: new Map(), used: new Map() }];
    }),
  );
}

/** `/binance/api/v3/depth?…` to its venue and what is left of the path; null where no such venue is served. */
export function locate(
  places: Places,
  url: string,
): { readonly place: Place; readonly request: SimRequest; readonly path: string } | null {
  const [, id = '', path = '', query = ''] = /^\/([a-z]+)(\/[^?]*)(?:\?(.*))?$/.exec(url) ?? [];
  const place = places.get(id);
  if (place === undefined) return null;
  const whole = query === '' ? path : `${path}?${query}`;
  return { place, request: { path, query: new URLSearchParams(query) }, path: whole };
}

/** Answers repeat the trades of those before: the journal does not. */
export function isNews({ told }: Place, entry: JournalEntry): boolean {
  if (entry.feed !== 'trades') return true;
  const ids = told.get(entry.symbol) ?? createRecentIds();
  told.set(entry.symbol, ids);
  return ids.add(entry.id);
}

/** The header that tells the weight used in the running minute, this answer's included. */
export function charge(place: Place, { cost }: SimResponse, nowUs: number): Readonly<Record<string, string>> {
  if (cost === undefined) return {};
  const minute = Math.floor(nowUs / MINUTE_US);
  const before = place.used.get(cost.pool);
  const weight = cost.weight + (before?.minute === minute ? before.weight : 0);
  place.used.set(cost.pool, { minute, weight });
  return { [cost.header]: String(weight) };
}

/** `origin`: the host, with its port where it has one. */
export function endpointsOf(venue: Venue, origin: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.keys(venue.endpoints).map((key) => [
      key,
      `${key.includes('rest') ? 'http' : 'ws'}://${origin}/${venue.id}`,
    ]),
  );
}
