/** One venue as the settings want it: what is recorded, where it is reached, and the one way to ask it by REST. */

import { isDeepStrictEqual } from 'node:util';
import type { Settings, VenueSettings } from '../../config/schema.ts';
import type { Feed } from '../core/event.ts';
import type { Clock } from '../core/ports.ts';
import type { Redact } from '../core/redact.ts';
import {
  type Endpoints,
  type FeedOptions,
  keyOf,
  type Located,
  type RateWindow,
  type Venue,
} from '../core/venue.ts';
import { createHttp } from '../io/http.ts';
import type { Sender } from '../io/send.ts';
import { createUnified } from '../io/unified.ts';
import { createGovernor, type Governor, type GovernorNumbers } from './governor.ts';
import type { GovernorMemory } from './governor-memory.ts';
import { DEFAULT_TUNING, type Fact, type FetcherInit, NOTHING_LEFT } from './protocol.ts';
import { createRest, createUnifiedRest, pauseFact, type RequestLine, type Rest } from './rest.ts';

const REST_TIMEOUT_MS = 10_000;

export interface StationPort {
  readonly clock: Clock;
  readonly proxy: string | undefined;
  readonly redact: Redact;
  /** What carries the requests, in place of the network. */
  readonly sender?: Sender;
  /** For a whole REST exchange. */
  readonly restTimeoutMs?: number;
  /** Without one nothing outlives the process. */
  readonly memory?: GovernorMemory | undefined;
  note(fact: Fact): void;
  onRequest?(line: RequestLine): void;
  /** The venue wants every session of ours closed for so long, ms. */
  pauseSessions(venue: string, ms: number): void;
}

/** One venue as the settings want it. */
export interface Station {
  readonly venue: Venue;
  /** As they are now. */
  readonly settings: VenueSettings;
  readonly located: readonly Located[];
  readonly endpoints: Endpoints;
  readonly governor: Governor;
  readonly rest: Rest;
  /** Goes on with other settings at the same endpoints. */
  take(settings: VenueSettings): void;
  /** Ends the calls in flight, and refuses all that come after. */
  close(): void;
}

/** Null for a venue that the settings leave out. */
export function createStation(venue: Venue, all: Settings, port: StationPort): Station | null {
  const first = all.venues[keyOf(venue)];
  if (first === undefined || !first.enabled) return null;
  let settings = first;
  const endpoints: Endpoints = { ...venue.endpoints, ...settings.endpoints };
  const { clock, proxy, memory, note } = port;
  const governor = createGovernor({ venue: venue.id, ...numbersOf(venue, settings), clock, memory });
  // Of an earlier process: what was not over when it ended still holds.
  const left = governor.pause();
  if (left !== null) note(pauseFact(venue.id, left, 'remembered', clock.wallUs()));
  const locate = () => settings.symbols.flatMap((symbol) => venue.locate(symbol) ?? []);
  let located = locate();
  const common = {
    venue,
    governor,
    clock,
    weights: () => settings.rate.weights,
    redact: port.redact,
    onFact: note,
    ...(port.onRequest && { onRequest: port.onRequest }),
    onSessionsPause: (ms: number) => port.pauseSessions(venue.id, ms),
  };
  const client = { ccxtId: venue.rest.ccxt, timeoutMs: port.restTimeoutMs ?? REST_TIMEOUT_MS, clock, proxy };
  const open = (): { readonly rest: Rest; readonly client: { close(): void } } => {
    if (venue.rest.unified) {
      const unified = createUnified({ ...client, origin: endpoints.rest ?? '' });
      return { rest: createUnifiedRest({ ...common, unified }), client: unified };
    }
    const http = createHttp({
      ...client,
      bases: venue.rest.bases(endpoints),
      ...(port.sender && { sender: port.sender }),
    });
    return { rest: createRest({ ...common, http }), client: http };
  };
  const opened = open();
  return {
    venue,
    get settings() {
      return settings;
    },
    get located() {
      return located;
    },
    endpoints,
    governor,
    rest: opened.rest,
    take(next) {
      const isSameRate = isDeepStrictEqual(next.rate, settings.rate);
      settings = next;
      located = locate();
      if (!isSameRate) governor.adjust(numbersOf(venue, next));
    },
    close() {
      governor.close();
      opened.client.close();
    },
  };
}

function numbersOf(venue: Venue, settings: VenueSettings): GovernorNumbers {
  const { max_info_rpm, share, decay, jitter, max_interval_sec } = settings.rate;
  return {
    maxInfoRpm: max_info_rpm,
    share,
    windows: windowsOf(venue, settings),
    stretch: { decay, jitter, maxIntervalMs: max_interval_sec * 1000 },
  };
}

/** The venue's own windows, as the settings have them. */
export function windowsOf(venue: Venue, { rate }: VenueSettings): readonly RateWindow[] {
  return venue.rest.windows.map((window) => {
    const own = rate.windows[window.name];
    return own === undefined ? window : { ...window, limit: own.limit, perMs: own.per_sec * 1000 };
  });
}

/** `capture`: where the feeds whose settings want it are recorded raw. */
export function fetcherInit(one: Station, feed: Feed, capture: FetcherInit['capture']): FetcherInit {
  const feedSettings = one.settings.feeds[feed];
  const fallback = feedSettings?.fallback;
  return {
    venue: one.venue.id,
    key: keyOf(one.venue),
    feed,
    instruments: one.located,
    endpoints: one.endpoints,
    options: feedOptions(one.settings),
    transport: feedSettings?.transport ?? 'ws',
    poll: pollOptions(one.settings, feed),
    fallback: fallback?.enabled
      ? { afterMs: fallback.after_sec * 1000, backMs: fallback.back_sec * 1000 }
      : null,
    capture: feedSettings?.capture ? capture : null,
    tuning: DEFAULT_TUNING,
    left: NOTHING_LEFT,
  };
}

export function pollOptions({ feeds, rate }: VenueSettings, feed: Feed): FetcherInit['poll'] {
  return {
    intervalMs: (feeds[feed]?.rest.interval_sec ?? 2) * 1000,
    jitter: rate.jitter,
    maxIntervalMs: rate.max_interval_sec * 1000,
  };
}

/** How a venue's feeds are recorded; of a venue that the settings leave out, as by default. */
export function feedOptions(settings: VenueSettings | undefined): FeedOptions {
  return { depth: settings?.feeds.orderbook?.depth ?? 200, stream: settings?.feeds.trades?.stream ?? null };
}

/** The error for a symbol that the venue does not list, with its place in the settings. */
export function unlistedText(one: Pick<Station, 'venue' | 'settings'>, symbol: string): string {
  const at = one.settings.symbols.indexOf(symbol);
  return `venues.${keyOf(one.venue)}.symbols[${at}]: expected a symbol that ${one.venue.id} lists, got "${symbol}"`;
}
