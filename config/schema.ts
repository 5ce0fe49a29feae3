/** Every option of the settings file: its default, its meaning, what it may be (DESIGN 6.2). */

import { z } from 'zod';
import type { Feed } from '../src/core/event.ts';
import { keyOf, type RateWindow, type Venue, type VenueRest } from '../src/core/venue.ts';
import { baseUrl, decimal, flag, group, integer, oneOf, share, symbols, text } from './options.ts';
import { healthSchema, httpSchema } from './watch.ts';

/** What the settings need to know of a venue. */
export type VenueDeclaration = Pick<
  Venue,
  'id' | 'key' | 'feeds' | 'endpoints' | 'maxInfoRpm' | 'defaultSymbols' | 'locate'
> & { readonly rest: Pick<VenueRest, 'windows' | 'methods' | 'unified'> };

export const MODES = ['PROD', 'DEBUG', 'DIAG'] as const;
export type Mode = (typeof MODES)[number];

export type Settings = z.infer<ReturnType<typeof settingsSchema>>;
export type VenueSettings = z.infer<ReturnType<typeof venueSchema>>;
type Transport = 'ws' | 'rest';
type FeedSchemas = ReturnType<typeof feedSchemas>;

/**
 * The whole file. Without a `venues` key every venue is taken with its defaults; with one, a venue that it does
 * not name is off, and absent from the result. Only venues work so: any other option left out has its default.
 */
export function settingsSchema(venues: readonly VenueDeclaration[]) {
  const byId = optionalKeys(venues.map((venue) => [keyOf(venue), venueSchema(venue)] as const));
  const allOn = Object.fromEntries(venues.map((venue) => [keyOf(venue), {}]));
  return group('Settings of Tapedeck.', {
    runtime: group('How the collector runs.', {
      mode: oneOf(MODES)
        .default('PROD')
        .describe(
          'How much is told: PROD, DEBUG (each batch) or DIAG (everything, for a while, then PROD is written here).',
        ),
      diag_sec: integer(1, 3600).default(300).describe('So long DIAG lasts; seconds.'),
    }).prefault({}),
    paths: group('Where files are written; relative to the project root.', {
      data: text('a folder')
        .default('./data')
        .describe('Recorded data and status. BTC_TS_DATA_DIR wins over it, --data over both.'),
      logs: text('a folder').default('./logs').describe('Log files. BTC_TS_LOGS_DIR wins over it.'),
    }).prefault({}),
    writer: group('How rows reach the disk.', {
      flush_ms: integer(1, 10_000).default(50).describe('Rows wait at most this long for their write; ms.'),
      fsync_ms: integer(10, 60_000)
        .default(1000)
        .describe('Written rows wait at most this long for the disk; ms. A power cut loses no more.'),
      queue_mb: integer(1, 4096)
        .default(64)
        .describe(
          'Rows that may wait in memory; MB. Beyond it feeds wait, and at last drop: counted, and said.',
        ),
      reserve_mb: integer(0, 1024)
        .default(4)
        .describe('Kept aside on the disk, so that the status can be written when it is full; MB.'),
    }).prefault({}),
    archive: group('Closed files (raw/archive): of days that are over, and large ones.', {
      max_file_mb: integer(1, 65_536).default(256).describe('A live file is closed above this size; MB.'),
    }).prefault({}),
    retention: group('What is removed, oldest days first: sealed archives and captures. Off by default.', {
      max_age_days: integer(1, 36_500)
        .nullable()
        .default(null)
        .describe('Days that are longer ago go (UTC). Null: none.'),
      min_free_mb: integer(1, 1_000_000_000)
        .nullable()
        .default(null)
        .describe('Files go while the disk has less room than this; MB. Null: none.'),
    }).prefault({}),
    health: healthSchema(),
    http: httpSchema(),
    venues: group('What is recorded. A venue that is not named here is off.', byId).prefault(allOn),
  });
}

function venueSchema(venue: VenueDeclaration) {
  const rpm = venue.maxInfoRpm;
  return group(`Settings of ${keyOf(venue)}.`, {
    enabled: flag().default(true).describe('False: nothing of this venue is recorded.'),
    symbols: symbols(venue)
      // Judged too: a venue without such must name its own.
      .prefault([...venue.defaultSymbols])
      .describe('Unified symbols: BTC/USDT is spot, BTC/USDT:USDT the linear perpetual.'),
    endpoints: group(
      'Other base URLs (a proxy, a regional host, a test server); the venue appends its own paths.',
      optionalKeys(
        Object.entries(venue.endpoints).map(
          ([key, url]) =>
            [key, baseUrl(key).describe(`In place of ${url || 'where ccxt knows it to be'}`)] as const,
        ),
      ),
    ).prefault({}),
    feeds: group('What is recorded of each symbol.', offered(venue)).prefault({}),
    rate: group('How fast the venue is asked by REST, all its feeds together.', {
      max_info_rpm: integer(1, 100_000).default(rpm).describe('The cap: information calls a minute.'),
      share: share(0.9).default(0.9).describe('The part of the cap that is used.'),
      jitter: decimal(0, 1)
        .default(0.1)
        .describe('Of polling by REST: random wait added to a poll, at most this part of its interval.'),
      decay: decimal(0.01, 0.99)
        .default(0.9)
        .describe('A limit doubles the polling intervals; each success multiplies that stretch by this.'),
      max_interval_sec: decimal(1, 3600)
        .default(60)
        .describe(
          'A stretched interval grows no longer, nor a pause for which the venue names no time; seconds.',
        ),
      windows: group(
        "The venue's own limits, of which the same share is used.",
        Object.fromEntries(venue.rest.windows.map((one) => [one.name, windowSchema(one)] as const)),
      ).prefault({}),
      weights: group(
        'What a call counts in its window, in place of what this program knows; by its name in ccxt.',
        optionalKeys(
          venue.rest.methods.map(
            (name) => [name, integer(0, 100_000).describe(`What ${name} counts.`)] as const,
          ),
        ),
      ).prefault({}),
    }).prefault({}),
  });
}

function windowSchema({ name, limit, perMs }: RateWindow) {
  return group(`Calls or weight that ${name} holds.`, {
    limit: integer(1, 10_000_000).default(limit).describe('At most so much'),
    per_sec: decimal(0.1, 86_400)
      .default(perMs / 1000)
      .describe('in any so many seconds.'),
  }).prefault({});
}

/** Keys that may be left out. They are then absent from the result too, so its type is a plain record. */
function optionalKeys<S extends z.ZodType>(entries: readonly (readonly [string, S])[]): Record<string, S> {
  const shape: Record<string, unknown> = Object.fromEntries(entries.map(([key, s]) => [key, s.optional()]));
  return shape as Record<string, S>;
}

/** Only the feeds that the venue has: another one is an unknown key, and absent from the result. */
function offered(venue: VenueDeclaration) {
  const all = Object.entries(feedSchemas(venue.rest.unified ? ['rest'] : ['ws', 'rest']));
  const own: Record<string, unknown> = Object.fromEntries(
    all.filter(([name]) => venue.feeds.some((feed) => feed === name)),
  );
  return own as { [F in Feed]: z.ZodOptional<FeedSchemas[F]> };
}

function feedSchemas(transports: readonly [Transport, ...Transport[]]) {
  const common = {
    enabled: flag().default(true).describe('False: this feed is not recorded.'),
    transport: oneOf(transports)
      .default(transports[0])
      .describe('How it is received: ws, a WebSocket; rest, polled.'),
    rest: group('How it is polled, with transport rest and in place of a WebSocket that is down.', {
      interval_sec: decimal(0.1, 3600)
        .default(2)
        .describe('From one poll of a symbol to its next; seconds. The rate below holds whatever it is.'),
    }).prefault({}),
    fallback: group('Polling in place of a WebSocket that stays down.', {
      enabled: flag().default(true).describe('False: what the WebSocket does not bring is not recorded.'),
      after_sec: decimal(1, 3600)
        .default(30)
        .describe('A connection that has been down for so long is polled; seconds.'),
      back_sec: decimal(1, 3600)
        .default(10)
        .describe('Polling ends when the connection has been up again for so long; seconds.'),
    }).prefault({}),
    capture: flag()
      .default(false)
      .describe('True: every frame is also recorded raw, before it is read, for a replay (capture/).'),
  };
  return {
    ticker: group('Best bid and ask, last price, volumes.', common).prefault({}),
    orderbook: group('The book: a snapshot, then changes.', {
      ...common,
      depth: integer(1, 5000)
        .default(200)
        .describe('Levels wanted a side; the venue takes its next larger depth.'),
    }).prefault({}),
    trades: group('Every trade.', {
      ...common,
      stream: oneOf(['trade', 'aggTrade'])
        .nullable()
        .default(null)
        .describe('Binance only: single or aggregated trades. Null: trade on spot, aggTrade on USD-M.'),
    }).prefault({}),
  };
}

/** The settings as a JSON Schema (draft 7, which editors' YAML plug-ins read), with meanings and defaults. */
export function jsonSchema(venues: readonly VenueDeclaration[]) {
  return z.toJSONSchema(settingsSchema(venues), { io: 'input', target: 'draft-7' });
}
