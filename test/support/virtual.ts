/** Feeds of one venue against the simulator in memory: one thread, no sockets, time that the test moves. */

import type { Feed } from '../../src/core/event.ts';
import type { GapChange } from '../../src/core/gap.ts';
import { manualTime } from '../../src/core/manual-time.ts';
import { err, failure, ok, type Result } from '../../src/core/result.ts';
import type { RestCall } from '../../src/core/venue.ts';
import { startFeed } from '../../src/runtime/feed.ts';
import {
  DEFAULT_TUNING,
  type Fact,
  type FeedStatus,
  type FromFetcher,
  NOTHING_LEFT,
  type RestText,
} from '../../src/runtime/protocol.ts';
import { createMemorySim, type MemorySim } from '../../src/sim/memory.ts';
import { venueById } from '../../src/venues/index.ts';
import { type Json, START_US } from '../sim/bench.ts';

/** Where the simulator has what ccxt's implicit methods ask for. */
const PATHS: Readonly<Record<string, string>> = {
  publicGetDepth: '/api/v3/depth',
  publicGetTrades: '/api/v3/trades',
  publicGetHistoricalTrades: '/api/v3/historicalTrades',
  publicGetAggTrades: '/api/v3/aggTrades',
  publicGetTicker24hr: '/api/v3/ticker/24hr',
  fapiPublicGetDepth: '/fapi/v1/depth',
  fapiPublicGetAggTrades: '/fapi/v1/aggTrades',
  fapiPublicGetTickerBookTicker: '/fapi/v1/ticker/bookTicker',
  fapiPublicGetTicker24hr: '/fapi/v1/ticker/24hr',
  publicGetV5MarketTickers: '/v5/market/tickers',
  publicGetV5MarketOrderbook: '/v5/market/orderbook',
  publicGetV5MarketRecentTrade: '/v5/market/recent-trade',
  publicGetMarketTicker: '/api/v5/market/ticker',
  publicGetMarketBooks: '/api/v5/market/books',
  publicGetMarketTrades: '/api/v5/market/trades',
  publicGetMarketHistoryTrades: '/api/v5/market/history-trades',
  publicGetGetticker: '/v1/getticker',
  publicGetGetboard: '/v1/getboard',
  publicGetGetexecutions: '/v1/getexecutions',
};

export interface VirtualFeed {
  /** Cells of each row, in order. */
  rows(): readonly (readonly string[])[];
  facts(type: string): readonly Fact[];
  gaps(): readonly GapChange[];
  status(): FeedStatus;
}

export interface Virtual {
  readonly sim: MemorySim;
  readonly journal: readonly Json[];
  readonly feeds: Readonly<Record<Feed, VirtualFeed>>;
  advance(sec: number): Promise<void>;
  stop(): void;
}

export interface VirtualOptions {
  readonly seed?: number;
  readonly rate?: number;
  readonly feeds?: readonly Feed[];
}

export function virtualVenue(
  venueId: string,
  symbols: readonly string[],
  { seed = 3, rate = 1, feeds = ['ticker', 'orderbook', 'trades'] }: VirtualOptions = {},
): Virtual {
  const venue = venueById(venueId);
  if (venue === undefined) throw new Error(`no venue ${venueId}`);
  const clock = manualTime(START_US);
  const journal: Json[] = [];
  const sim = createMemorySim({
    ...{
      seed,
      rate,
      venues: [venue],
      symbols: { [venueId]: symbols },
      clock,
      stepMs: 50,
      journalMarket: true,
    },
    journal: (line) => journal.push(JSON.parse(line)),
  });
  const base = sim.endpoints[venueId] ?? {};

  const ask = async ({ method, params }: RestCall): Promise<Result<RestText>> => {
    const query = new URLSearchParams(
      Object.entries(params).map(([key, value]): [string, string] => [key, String(value)]),
    );
    const origin = method.startsWith('fapi') ? base.futures_rest : base.rest;
    const answer = await sim.get(`${origin}${PATHS[method]}?${query}`);
    if (!answer.ok) return err(answer.error);
    const { status, text, localUs, url } = answer.value;
    // As the governor and ccxt would say it; it is asked again.
    if (status !== 200 || venue.rest.judge({ ...answer.value, code: null, nowUs: localUs }).limit !== null)
      return err(failure(String(status), text.slice(0, 100)));
    return ok({ text, localUs, url });
  };

  const start = (feed: Feed): VirtualFeed & { readonly stop: () => void } => {
    const posts: FromFetcher[] = [];
    const run = startFeed(
      venue,
      {
        ...{ venue: venueId, key: venueId, feed, transport: 'ws', left: NOTHING_LEFT, capture: null },
        fallback: { afterMs: 30_000, backMs: 10_000 },
        instruments: symbols.flatMap((symbol) => venue.locate(symbol) ?? []),
        endpoints: base,
        options: { depth: 200, stream: null },
        tuning: DEFAULT_TUNING,
        poll: { intervalMs: 2_000, jitter: 0, maxIntervalMs: 60_000 },
      },
      {
        clock,
        random: () => 0.5,
        open: ({ url }, handlers) => sim.open(url, handlers),
        ask,
        stretch: () => 1,
        capture: null,
        post: (message) => posts.push(message),
      },
    );
    run.credit(1_000_000);
    return {
      rows: () =>
        posts.flatMap((post) =>
          post.type === 'batch'
            ? Buffer.from(post.batch.bytes).toString('utf8').split('\n').filter(Boolean).map(cellsOf)
            : [],
        ),
      facts: (type) =>
        posts.flatMap((post) => (post.type === 'fact' && post.fact.type === type ? post.fact : [])),
      gaps: () => posts.flatMap((post) => (post.type === 'gap' ? post.change : [])),
      status() {
        const newest = posts.findLast((post) => post.type === 'status');
        if (newest === undefined) throw new Error('no status yet');
        return newest.status;
      },
      stop: () => void run.stop(),
    };
  };

  const running = new Map(feeds.map((feed) => [feed, start(feed)] as const));
  return {
    sim,
    journal,
    feeds: Object.fromEntries(running) as unknown as Virtual['feeds'],
    async advance(sec) {
      for (let at = 0; at < sec * 10; at++) {
        clock.advanceTo(clock.wallUs() + 100_000);
        // What an answer sets off.
        for (let turn = 0; turn < 6; turn++) await Promise.resolve();
      }
    },
    stop() {
      for (const { stop } of running.values()) stop();
      sim.stop();
    },
  };
}

/** Levels have commas of their own; nothing that is looked at stands behind them. */
const cellsOf = (row: string): readonly string[] => row.split(',');
