/** A fetcher's feed on sources, answers and a clock that the test plays. */

import type { Batch } from '../../src/core/batch.ts';
import type { Capture } from '../../src/core/capture.ts';
import type { Feed } from '../../src/core/event.ts';
import type { GapChange } from '../../src/core/gap.ts';
import { ok, type Result } from '../../src/core/result.ts';
import type { SourceHandlers } from '../../src/core/source.ts';
import type { ConnectionPlan, RestCall } from '../../src/core/venue.ts';
import { startFeed } from '../../src/runtime/feed.ts';
import type { FeedRun } from '../../src/runtime/feed-port.ts';
import {
  DEFAULT_TUNING,
  type Fact,
  type FeedStatus,
  type FetcherInit,
  type FetcherTuning,
  type FromFetcher,
  NOTHING_LEFT,
  type Priority,
  type RestText,
} from '../../src/runtime/protocol.ts';
import { venueById } from '../../src/venues/index.ts';
import { type ManualClock, manualClock } from './clock.ts';

/** What Binance was asked for a snapshot. */
export const DEPTH_URL = 'https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=500';

export interface PlayedSource {
  readonly plan: ConnectionPlan;
  readonly handlers: SourceHandlers;
  readonly sent: string[];
  readonly closes: string[];
}

export interface PlayedAsk {
  readonly call: RestCall;
  readonly priority: Priority;
  /** On the monotonic clock. */
  readonly atMs: number;
  /** Answers it, and lets what waits for the answer run. */
  answer(result: Result<RestText>): Promise<void>;
}

export interface PlayedFeed {
  /** What the governor says. */
  stretch: number;
  readonly run: FeedRun;
  readonly clock: ManualClock;
  readonly sources: PlayedSource[];
  readonly asks: PlayedAsk[];
  readonly posts: FromFetcher[];
  /** The newest source whose connection has this name. */
  source(name: string): PlayedSource;
  facts(type?: string): readonly Fact[];
  gaps(): readonly GapChange[];
  /** The rows of all batches that were sent, in order. */
  rows(): readonly string[];
  status(): FeedStatus;
}

export function playFeed(
  venueId: string,
  feed: Feed,
  symbols: readonly string[],
  tuning: Partial<FetcherTuning> = {},
  capture: Capture | null = null,
  more: Partial<FetcherInit> = {},
): PlayedFeed {
  const venue = venueById(venueId);
  if (venue === undefined) throw new Error(`no venue ${venueId}`);
  const clock = manualClock();
  const sources: PlayedSource[] = [];
  const asks: PlayedAsk[] = [];
  const posts: FromFetcher[] = [];
  const run = startFeed(
    venue,
    {
      venue: venueId,
      key: venueId,
      feed,
      instruments: symbols.flatMap((symbol) => venue.locate(symbol) ?? []),
      endpoints: venue.endpoints,
      options: { depth: 200, stream: null },
      transport: 'ws',
      left: NOTHING_LEFT,
      capture: null,
      tuning: { ...DEFAULT_TUNING, ...tuning },
      poll: { intervalMs: 2_000, jitter: 0.1, maxIntervalMs: 60_000 },
      fallback: null,
      ...more,
    },
    {
      clock,
      random: () => 1,
      open(plan, handlers) {
        const played: PlayedSource = { plan, handlers, sent: [], closes: [] };
        sources.push(played);
        return {
          send(text) {
            played.sent.push(text);
            return ok(undefined);
          },
          close: (how) => played.closes.push(how),
        };
      },
      ask(call, priority) {
        return new Promise((resolve) => {
          asks.push({
            call,
            priority,
            atMs: clock.monoMs(),
            async answer(result) {
              resolve(result);
              await new Promise(setImmediate);
            },
          });
        });
      },
      stretch: () => played.stretch,
      post: (message) => posts.push(message),
      capture,
    },
  );
  const played: PlayedFeed = {
    stretch: 1,
    run,
    clock,
    sources,
    asks,
    posts,
    source(name) {
      const found = sources.findLast((one) => one.plan.name === name);
      if (found === undefined) throw new Error(`no connection ${name}`);
      return found;
    },
    facts: (type) =>
      posts.flatMap((post) =>
        post.type === 'fact' && (type === undefined || post.fact.type === type) ? post.fact : [],
      ),
    gaps: () => posts.flatMap((post) => (post.type === 'gap' ? post.change : [])),
    rows: () => posts.flatMap((post) => (post.type === 'batch' ? rowsOf(post.batch) : [])),
    status() {
      const newest = posts.findLast((post) => post.type === 'status');
      if (newest === undefined) throw new Error('no status yet');
      return newest.status;
    },
  };
  return played;
}

function rowsOf(batch: Batch): readonly string[] {
  return Buffer.from(batch.bytes).toString('utf8').split('\n').filter(Boolean);
}

/** Flags and sequences of the book rows that were sent: `S10` a snapshot, `+11` a change. */
export function bookRows(played: PlayedFeed): readonly string[] {
  return played.rows().map((row) => {
    const cells = row.split(',');
    return `${cells[4] === 'true' ? 'S' : '+'}${cells[5]}`;
  });
}
