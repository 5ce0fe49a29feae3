/** One venue as the settings want it: what is recorded, where it is reached, and the one way to ask it by REST. */

import type { Settings, VenueSettings } from '../../config/schema.ts';
import type { Feed } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import type { Endpoints, FeedOptions, Located, RateWindow, Venue } from '../core/venue.ts';
import { createHttp, type Http } from '../io/http.ts';
import { createGovernor, type Governor } from './governor.ts';
import type { GovernorMemory } from './governor-memory.ts';
import { DEFAULT_TUNING, type Fact, type FetcherInit } from './protocol.ts';
import { createRest, pauseFact, type Rest } from './rest.ts';

const REST_TIMEOUT_MS = 10_000;

export interface StationPort {
  readonly clock: Clock;
  readonly proxy: string | undefined;
  /** Without one nothing outlives the process. */
  readonly memory?: GovernorMemory | undefined;
  note(fact: Fact): void;
  /** The venue wants every session of ours closed for so long, ms. */
  pauseSessions(venue: string, ms: number): void;
}

/** One venue as the settings want it. */
export interface Station {
  readonly venue: Venue;
  readonly settings: VenueSettings;
  readonly located: readonly Located[];
  readonly endpoints: Endpoints;
  readonly governor: Governor;
  readonly rest: Rest;
  readonly http: Http;
}

/** Null for a venue that the settings leave out. */
export function createStation(venue: Venue, all: Settings, port: StationPort): Station | null {
  const settings = all.venues[venue.id];
  if (settings === undefined || !settings.enabled) return null;
  const endpoints: Endpoints = { ...venue.endpoints, ...settings.endpoints };
  const { clock, proxy, memory, note } = port;
  const { max_info_rpm, share, decay, jitter, max_interval_sec, weights } = settings.rate;
  const governor = createGovernor({
    venue: venue.id,
    maxInfoRpm: max_info_rpm,
    share,
    windows: windowsOf(venue, settings),
    stretch: { decay, jitter, maxIntervalMs: max_interval_sec * 1000 },
    clock,
    memory,
  });
  // Of an earlier process: what was not over when it ended still holds.
  const left = governor.pause();
  if (left !== null) note(pauseFact(venue.id, left, 'remembered', clock.wallUs()));
  const http = createHttp({
    ccxtId: venue.rest.ccxt,
    bases: venue.rest.bases(endpoints),
    timeoutMs: REST_TIMEOUT_MS,
    clock,
    proxy,
  });
  const located = settings.symbols.flatMap((symbol) => venue.locate(symbol) ?? []);
  const rest = createRest({
    venue,
    governor,
    http,
    clock,
    weights,
    onFact: note,
    onSessionsPause: (ms) => port.pauseSessions(venue.id, ms),
  });
  return { venue, settings, located, endpoints, governor, rest, http };
}

/** The venue's own windows, as the settings have them. */
function windowsOf(venue: Venue, { rate }: VenueSettings): readonly RateWindow[] {
  return venue.rest.windows.map((window) => {
    const own = rate.windows[window.name];
    return own === undefined ? window : { ...window, limit: own.limit, perMs: own.per_sec * 1000 };
  });
}

/** `capture`: where the feeds whose settings want it are recorded raw. */
export function fetcherInit(one: Station, feed: Feed, capture: FetcherInit['capture']): FetcherInit {
  return {
    venue: one.venue.id,
    feed,
    instruments: one.located,
    endpoints: one.endpoints,
    options: feedOptions(one.settings),
    transport: one.settings.feeds[feed]?.transport ?? 'ws',
    capture: one.settings.feeds[feed]?.capture ? capture : null,
    tuning: DEFAULT_TUNING,
    seen: {},
  };
}

/** How a venue's feeds are recorded; of a venue that the settings leave out, as by default. */
export function feedOptions(settings: VenueSettings | undefined): FeedOptions {
  return { depth: settings?.feeds.orderbook?.depth ?? 200, stream: settings?.feeds.trades?.stream ?? null };
}

/** The error for a symbol that the venue does not list, with its place in the settings. */
export function unlistedText(one: Station, symbol: string): string {
  const at = one.settings.symbols.indexOf(symbol);
  return `venues.${one.venue.id}.symbols[${at}]: expected a symbol that ${one.venue.id} lists, got "${symbol}"`;
}
