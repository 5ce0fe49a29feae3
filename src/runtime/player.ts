/** What plays a recording: frames put through an intake, and what comes out into batches. */

import type { Batch } from '../core/batch.ts';
import type { Feed, Market } from '../core/event.ts';
import type { ManualTime } from '../core/manual-time.ts';
import type { FeedOptions, Venue } from '../core/venue.ts';
import type { Moment } from '../io/recordings.ts';
import { type Batcher, createBatcher } from './batcher.ts';
import type { Counters } from './counters.ts';
import { DEFAULT_TUNING } from './protocol.ts';

export interface ReplayPort {
  readonly venues: readonly Venue[];
  /** Of recordings that do not tell. */
  options(venue: Venue): FeedOptions;
  /** The symbol that the settings give a venue's id, if they name it. */
  namedSymbol(venue: Venue, id: string, market: Market): string | undefined;
  ingest(batch: Batch): void;
  books(venue: string, books: readonly (readonly [symbol: string, json: string])[]): void;
  /** The recorder went on without these symbols. */
  dropped(venue: string, feed: Feed, symbols: readonly string[]): void;
  tick(nowUs: number): void;
  /** `scope`: a venue, or `venue.feed`. */
  reject(scope: string, reason: string, text: string, localUs: number): void;
}

export interface Played {
  readonly scope: string;
  readonly counters: Counters;
  readonly symbols: ReadonlySet<string>;
}

export interface Player {
  play(moment: Moment): void;
  /** Sends what waits for its batch. */
  flush(): void;
  /** Hands on the kept books, as they are at the end. */
  books(): void;
  played(): readonly Played[];
}

/** As in a fetcher, but that nothing is ever refused. */
export function replayBatcher(venue: Venue, feed: Feed, time: ManualTime, port: ReplayPort): Batcher {
  const batcher = createBatcher({
    venue: venue.id,
    feed,
    clock: time,
    delayMs: DEFAULT_TUNING.batchDelayMs,
    maxEvents: DEFAULT_TUNING.batchEvents,
    maxBytes: DEFAULT_TUNING.batchBytes,
    queueBytes: Number.POSITIVE_INFINITY,
    send: port.ingest,
  });
  batcher.credit(Number.POSITIVE_INFINITY);
  return batcher;
}
