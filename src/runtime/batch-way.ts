/** The way of a batch, from the receipt of its first event until its rows are in their files. */

import type { Batch } from '../core/batch.ts';
import type { Clock } from '../core/ports.ts';

/** Times in ms; those across threads by the wall clocks of both. */
export interface BatchWay {
  readonly worker: string;
  readonly events: number;
  readonly rows: number;
  readonly bytes: number;
  /** From the receipt of the first event until it was sent. */
  readonly batched_ms: number;
  /** Until it came to the main thread. */
  readonly crossed_ms: number;
  /** In the stages of the bus. */
  readonly bus_ms: number;
  /** From the bus until the last of its rows was written. */
  readonly written_ms: number;
}

export interface WayWatch {
  /** The bus has taken it. */
  published(): void;
  written(rows: number): BatchWay;
}

/** Begins when the batch has come; `sentUs`: when it was sent, by the thread's wall clock. */
export function watchWay(worker: string, batch: Batch, sentUs: number, clock: Clock): WayWatch {
  const { events, firstLocalUs } = batch;
  const bytes = batch.bytes.length;
  const cameUs = clock.wallUs();
  const cameMs = clock.monoMs();
  let publishedMs = cameMs;
  return {
    published() {
      publishedMs = clock.monoMs();
    },
    written: (rows) => ({
      worker,
      events,
      rows,
      bytes,
      batched_ms: rounded((sentUs - firstLocalUs) / 1000),
      crossed_ms: rounded((cameUs - sentUs) / 1000),
      bus_ms: rounded(publishedMs - cameMs),
      written_ms: rounded(clock.monoMs() - publishedMs),
    }),
  };
}

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000;
