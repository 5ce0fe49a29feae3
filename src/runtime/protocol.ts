/** Everything that crosses the thread boundary, by name. */

import type { Batch } from '../core/batch.ts';
import type { BookState } from '../core/book-sync.ts';
import type { CaptureStatus } from '../core/capture.ts';
import type { Feed } from '../core/event.ts';
import type { Gap, GapChange, GapSide } from '../core/gap.ts';
import type { Result } from '../core/result.ts';
import type { Endpoints, FeedOptions, Located, RestCall } from '../core/venue.ts';

/** What a fetcher thread is started with. */
export interface FetcherInit {
  readonly venue: string;
  /** What the settings call the venue: by it a thread finds it. */
  readonly key: string;
  readonly feed: Feed;
  readonly instruments: readonly Located[];
  readonly endpoints: Endpoints;
  readonly options: FeedOptions;
  readonly transport: Transport;
  readonly poll: PollOptions;
  /** When polling stands in for a WebSocket that stays down; null: never. */
  readonly fallback: FallbackOptions | null;
  /** Where everything that arrives is recorded raw too, and the program's version; null: nowhere. */
  readonly capture: { readonly dataDir: string; readonly version: string } | null;
  readonly tuning: FetcherTuning;
  readonly left: Left;
  /** The venue wants no session of ours before so many ms have passed since the thread's start. */
  readonly pausedMs?: number;
}

/** What earlier runs left of a feed. */
export interface Left {
  /** The newest trade ids of each symbol's file, oldest first: they are no rows again. */
  readonly seen: Readonly<Record<string, readonly string[]>>;
  /** The newest row of each symbol's file: what came since then is missing. */
  readonly last: Readonly<Record<string, GapSide>>;
  /** Gaps that are still open, and the first row behind each, where it is known. */
  readonly open: readonly { readonly gap: Gap; readonly to?: GapSide | undefined }[];
  /** Why nothing was recorded since, in words. */
  readonly because: string;
}

export const NOTHING_LEFT: Left = { seen: {}, last: {}, open: [], because: '' };

/** How a feed is received: pushed by a WebSocket, or asked for by REST. */
export type Transport = 'ws' | 'rest';

export interface PollOptions {
  /** From one poll of a symbol to its next, before it is stretched. */
  readonly intervalMs: number;
  /** As of `StretchOptions`. */
  readonly jitter: number;
  readonly maxIntervalMs: number;
}

export interface FallbackOptions {
  /** A connection that has been down for so long is polled in place of, */
  readonly afterMs: number;
  /** until it has been up for so long. */
  readonly backMs: number;
}

export interface FetcherTuning {
  /** How long the first event of a batch may wait, ms. */
  readonly batchDelayMs: number;
  readonly batchEvents: number;
  readonly batchBytes: number;
  readonly queueBytes: number;
  /** How often the kept books and the status are sent, ms. */
  readonly statusMs: number;
}

export const DEFAULT_TUNING: FetcherTuning = {
  batchDelayMs: 20,
  batchEvents: 512,
  batchBytes: 256 * 1024,
  queueBytes: 32 * 1024 * 1024,
  statusMs: 1000,
};

export type Priority = 'resync' | 'poll' | 'backfill';

export type ToFetcher =
  | { readonly type: 'credit'; readonly batches: number }
  /** The symbol's next row is to begin a new file. */
  | { readonly type: 'rotate'; readonly symbol: string }
  /** The disk is full: a capture waits; or there is room again. */
  | { readonly type: 'hold'; readonly on: boolean }
  /** `stretch`: how far the venue's governor has polling stretched now. */
  | {
      readonly type: 'answer';
      readonly id: number;
      readonly result: Result<RestText>;
      readonly stretch: number;
    }
  /** The venue wants every session closed, and none opened for so long, ms. */
  | { readonly type: 'pause'; readonly ms: number }
  /** These are to be recorded from now on, and no others; `left`: of those that are new. */
  | {
      readonly type: 'instruments';
      readonly instruments: readonly Located[];
      readonly left: Left;
    }
  /** Polls are made so from now on. */
  | { readonly type: 'poll'; readonly poll: PollOptions }
  | { readonly type: 'stop' };

export type FromFetcher =
  /** `sentUs`: when it was sent, by the thread's wall clock. */
  | { readonly type: 'batch'; readonly batch: Batch; readonly sentUs: number }
  | { readonly type: 'ask'; readonly id: number; readonly call: RestCall; readonly priority: Priority }
  | { readonly type: 'status'; readonly status: FeedStatus }
  /** The kept books that changed: `[symbol, JSON]`. */
  | { readonly type: 'books'; readonly books: readonly (readonly [symbol: string, json: string])[] }
  | { readonly type: 'fact'; readonly fact: Fact }
  | { readonly type: 'gap'; readonly change: GapChange }
  /** A refused frame, cut to what a sample may hold. */
  | { readonly type: 'reject'; readonly reason: string; readonly text: string; readonly localUs: number }
  /** What could not be encoded as a row: the event as JSON. */
  | {
      readonly type: 'quarantine';
      readonly symbol: string;
      readonly reason: string;
      readonly event: string;
    }
  /** The last rows of these symbols have been sent. */
  | { readonly type: 'dropped'; readonly symbols: readonly string[] }
  | { readonly type: 'stopped' };

export interface RestText {
  readonly text: string;
  readonly localUs: number;
  /** What was asked: by it a replay knows the answer. */
  readonly url: string;
}

/** Something that an operator may want to know: a line of `events.jsonl`. */
export interface Fact {
  readonly type: string;
  /** `binance.orderbook`, or `collector`. */
  readonly scope: string;
  readonly symbol?: string;
  readonly [key: string]: unknown;
}

export type FeedState = 'connecting' | 'collecting' | 'waiting';

export interface FeedStatus {
  /** `waiting`: nothing can arrive. `connecting`: some connections are not open. */
  readonly state: FeedState;
  /** Some of it is polled because its WebSocket is down. */
  readonly fallback: boolean;
  readonly frames: number;
  readonly events: number;
  readonly rejects: number;
  /** Errors and announcements of the venue that came too fast to be facts each. */
  readonly untold: number;
  readonly duplicates: number;
  readonly ahead: number;
  readonly stale: number;
  readonly ignored: Readonly<Record<string, number>>;
  readonly reconnects: number;
  readonly resyncs: number;
  readonly dropped: number;
  readonly gapsOpen: number;
  readonly queued: number;
  readonly lastError: string | null;
  /** Null: nothing is recorded raw. */
  readonly capture: CaptureStatus | null;
  readonly symbols: Readonly<Record<string, SymbolStatus>>;
}

export interface SymbolStatus {
  readonly state: 'waiting' | 'collecting' | BookState;
  readonly lastLocalUs: number;
  readonly events: number;
  readonly resyncs: number;
  /** Events lost because the queue was full. */
  readonly dropped: number;
  /** Trades that were fetched later. */
  readonly backfilled: number;
  /** Trades that are known to be missing for good. */
  readonly missing: number;
  /** A subscription of it that was refused, or brings nothing; absent where there is none. */
  readonly error?: string;
}
