/** Everything that crosses the thread boundary, by name. */

import type { Batch } from '../core/batch.ts';
import type { CaptureStatus } from '../core/capture.ts';
import type { Feed } from '../core/event.ts';
import type { Result } from '../core/result.ts';
import type { Endpoints, FeedOptions, Located, RestCall } from '../core/venue.ts';

/** What a fetcher thread is started with. */
export interface FetcherInit {
  readonly venue: string;
  readonly feed: Feed;
  readonly instruments: readonly Located[];
  readonly endpoints: Endpoints;
  readonly options: FeedOptions;
  readonly transport: 'ws';
  /** Where everything that arrives is recorded raw too, and the program's version; null: nowhere. */
  readonly capture: { readonly dataDir: string; readonly version: string } | null;
  readonly tuning: FetcherTuning;
  /** The newest trade ids of each symbol's file, oldest first: they are no rows again. */
  readonly seen: Readonly<Record<string, readonly string[]>>;
  /** The venue wants no session of ours before so many ms have passed since the thread's start. */
  readonly pausedMs?: number;
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
  | { readonly type: 'answer'; readonly id: number; readonly result: Result<RestText> }
  /** The disk is full: a capture waits; or there is room again. */
  | { readonly type: 'hold'; readonly on: boolean }
  /** The venue wants every session closed, and none opened for so long, ms. */
  | { readonly type: 'pause'; readonly ms: number }
  | { readonly type: 'stop' };

export type FromFetcher =
  | { readonly type: 'batch'; readonly batch: Batch }
  | { readonly type: 'ask'; readonly id: number; readonly call: RestCall; readonly priority: Priority }
  | { readonly type: 'status'; readonly status: FeedStatus }
  /** The kept books that changed: `[symbol, JSON]`. */
  | { readonly type: 'books'; readonly books: readonly (readonly [symbol: string, json: string])[] }
  | { readonly type: 'fact'; readonly fact: Fact }
  /** A refused frame, cut to what a sample may hold. */
  | { readonly type: 'reject'; readonly reason: string; readonly text: string; readonly localUs: number }
  /** What could not be encoded as a row: the event as JSON. */
  | {
      readonly type: 'quarantine';
      readonly symbol: string;
      readonly reason: string;
      readonly event: string;
    }
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
  /** `waiting`: every connection is down. `connecting`: some are not yet open. */
  readonly state: FeedState;
  readonly frames: number;
  readonly events: number;
  readonly rejects: number;
  readonly duplicates: number;
  readonly ahead: number;
  readonly stale: number;
  readonly ignored: Readonly<Record<string, number>>;
  readonly reconnects: number;
  readonly resyncs: number;
  readonly dropped: number;
  readonly queued: number;
  readonly lastError: string | null;
  /** Null: nothing is recorded raw. */
  readonly capture: CaptureStatus | null;
  readonly symbols: Readonly<Record<string, SymbolStatus>>;
}

export interface SymbolStatus {
  readonly state: 'waiting' | 'collecting' | 'joining' | 'synced' | 'resyncing';
  readonly lastLocalUs: number;
  readonly events: number;
  readonly resyncs: number;
  /** Events lost because the queue was full. */
  readonly dropped: number;
}
