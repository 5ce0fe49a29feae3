/**
 * From batches to files: the bus, the stages on it and the sinks. The collector feeds it from threads, replay from
 * memory; what stands in the files is the same.
 */

import type { Batch } from '../core/batch.ts';
import type { Feed } from '../core/event.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import { type Failure, failure } from '../core/result.ts';
import { type Bus, type BusStatus, createBus, type GuardStatus, guard } from '../flow/bus.ts';
import { featureEngine } from '../flow/features/engine.ts';
import { FEATURES } from '../flow/features/index.ts';
import { latestFeatures, latestFeaturesOf } from '../flow/features/latest.ts';
import { HEADERS, rawFile } from '../flow/rows.ts';
import { latestSignals, latestSignalsOf, signalFiles } from '../flow/signal-file.ts';
import { signalBuilder } from '../flow/signals/builder.ts';
import { type AttachedStage, attach, type StageStatus } from '../flow/stage.ts';
import type { Latest } from '../io/latest.ts';
import type { Append, SafeWriter } from '../io/safe-writer.ts';

/** What features are made of. */
const FEATURE_FEEDS: ReadonlySet<Feed> = new Set(FEATURES.map(({ input }) => input.feed));
/** How soon rows that the writer had no room for are offered again. */
const PARKED_MS = 50;

export interface PipelinePort {
  readonly writer: SafeWriter;
  readonly latest: Latest;
  readonly clock: Clock;
  /** A stage or a sink failed on a batch. */
  onError(name: string, failure: Failure): void;
  /** Rows of signals were handed to the writer. */
  onSignals(rows: number): void;
}

export interface PipelineStatus {
  readonly bus: BusStatus;
  readonly stages: readonly StageStatus[];
  /** The hand-over of rows to the writer. */
  readonly append: GuardStatus;
  /** Of all of them. */
  readonly errors: number;
}

export interface Pipeline {
  /** `written` is called once, when no row of the batch waits any more, with the number of those in their file. */
  ingest(batch: Batch, written: (rows: number) => void): void;
  /** Kept books that changed: `[symbol, JSON]`. */
  books(venue: string, books: readonly (readonly [symbol: string, json: string])[]): void;
  /** The last batch of these symbols of a feed was ingested: `latest/` tells of them no more. Gives their files. */
  dropped(venue: string, feed: Feed, symbols: readonly string[]): readonly string[];
  /** Time goes on: rows that are due by time alone. */
  tick(nowUs: number): void;
  /** Parts of batches that wait for room in the writer. */
  parked(): number;
  /** Of those, the rows of a file, in order. */
  waiting(file: string): readonly Uint8Array[];
  /** Names of what is subscribed, for the operator's lines. */
  readonly subscribers: readonly string[];
  status(): PipelineStatus;
  /** No more batches; everything upstream has ended. Resolves when nothing waits for the writer any more. */
  close(): Promise<void>;
}

export function createPipeline(port: PipelinePort): Pipeline {
  const bus: Bus = createBus(port.onError);
  const stages: readonly AttachedStage[] = [
    attach(bus, featureEngine(), 'feature_engine.ingest', 'sig_builder.ingest', port.onError),
    attach(bus, signalBuilder(), 'sig_builder.ingest', 'signal-writer.ingest', port.onError),
  ];
  const files = new Map<string, string>();
  /** Symbols that have features: the last signals of one that is gone come after it. */
  const featured = new Set<string>();
  const booksOf = new Map<string, Map<string, string>>();
  /** Who to tell when a batch is written. Set before it is published, taken by the sink. */
  const waiting = new WeakMap<Batch, (rows: number) => void>();
  let parked: Append[] = [];
  let offer: Cancel | null = null;
  let closed = false;

  /** Rows that the writer refuses for good are lost, counted and reported; the rest of their batch is not. */
  const guarded = guard('safe_writer.append', port.onError);

  const append = (one: Append): void => {
    // In order: nothing may overtake what waits.
    if (parked.length > 0) return park(one);
    const taken = guarded.run(() => port.writer.append(one));
    if (taken === null) one.done?.(false);
    else if (!taken) park(one);
  };

  const park = (one: Append): void => {
    parked.push(one);
    if (!closed) offer ??= port.clock.after(PARKED_MS, offerParked);
  };

  const offerParked = (): void => {
    offer = null;
    const again = parked;
    parked = [];
    for (const one of again) append(one);
  };

  const giveUp = (): void => {
    const rows = parked.reduce((sum, one) => sum + one.rows, 0);
    port.onError('safe_writer', failure('rows_lost', `${rows} rows given up at the stop`, 'never'));
    for (const one of parked) one.done?.(false);
    parked = [];
  };

  const fileOf = (venue: string, feed: Feed, symbol: string): string => {
    const key = `${feed} ${venue} ${symbol}`;
    let file = files.get(key);
    if (file === undefined) {
      file = rawFile(venue, feed, symbol);
      files.set(key, file);
    }
    return file;
  };

  const forget = (venue: string, symbol: string): void => {
    featured.delete(`${venue} ${symbol}`);
    for (const stage of stages) stage.forget(venue, symbol);
    for (const { file, key } of [latestFeaturesOf(venue, symbol), ...latestSignalsOf(venue, symbol)])
      port.latest.drop(file, key);
  };

  const tellBooks = (venue: string, all: ReadonlyMap<string, string>): void =>
    port.latest.setText(`latest/book-${venue}.json`, () => {
      const symbols = [...all].sort(([a], [b]) => (a < b ? -1 : 1));
      return `{${symbols.map(([symbol, json]) => `${JSON.stringify(symbol)}:${json}`).join(',\n')}}\n`;
    });

  bus.subscribe('feature_engine.ingest', 'safe_writer', (batch) => {
    const header = HEADERS[batch.feed];
    let left = batch.parts.length;
    const done = waiting.get(batch);
    waiting.delete(batch);
    let rows = 0;
    for (const part of batch.parts) {
      append({
        file: fileOf(batch.venue, batch.feed, part.symbol),
        header,
        bytes: batch.bytes.subarray(part.start, part.end),
        rows: part.rows,
        day: part.day,
        begins: part.begins,
        done(written) {
          left -= 1;
          if (written) rows += part.rows;
          if (left === 0) done?.(rows);
        },
      });
    }
  });

  bus.subscribe('feature_engine.ingest', 'latest', (batch) => {
    const file = `latest/${batch.feed}-${batch.venue}.csv`;
    for (const part of batch.parts) {
      port.latest.set(file, HEADERS[batch.feed], part.symbol, batch.bytes.subarray(part.lastRow, part.end));
    }
  });

  bus.subscribe('sig_builder.ingest', 'latest.features', (batch) => {
    for (const one of latestFeatures(batch)) port.latest.set(one.file, one.header, one.key, one.row);
  });

  bus.subscribe('signal-writer.ingest', 'signal-writer', (batch) => {
    for (const one of signalFiles(batch)) append(one);
    const rows = batch.rows.filter(({ exchange, pair }) => featured.has(`${exchange} ${pair}`));
    for (const one of latestSignals({ rows })) port.latest.set(one.file, one.header, one.key, one.row);
    port.onSignals(batch.rows.length);
  });

  return {
    subscribers: ['feature_engine.ingest', 'sig_builder.ingest', 'signal-writer.ingest'],
    ingest(batch, written) {
      waiting.set(batch, written);
      if (FEATURE_FEEDS.has(batch.feed))
        for (const { symbol } of batch.parts) featured.add(`${batch.venue} ${symbol}`);
      bus.publish('feature_engine.ingest', batch);
      // The sink did not take it: its failure is counted, and its credit must not be lost with it.
      waiting.get(batch)?.(0);
      waiting.delete(batch);
    },
    books(venue, books) {
      let known = booksOf.get(venue);
      if (known === undefined) {
        known = new Map();
        booksOf.set(venue, known);
      }
      for (const [symbol, json] of books) known.set(symbol, json);
      tellBooks(venue, known);
    },
    dropped(venue, feed, symbols) {
      const known = feed === 'orderbook' ? booksOf.get(venue) : undefined;
      for (const symbol of symbols) {
        files.delete(`${feed} ${venue} ${symbol}`);
        port.latest.drop(`latest/${feed}-${venue}.csv`, symbol);
        known?.delete(symbol);
        if (FEATURE_FEEDS.has(feed)) forget(venue, symbol);
      }
      if (known !== undefined) tellBooks(venue, known);
      return symbols.map((symbol) => rawFile(venue, feed, symbol));
    },
    tick(nowUs) {
      for (const stage of stages) stage.tick(nowUs);
    },
    parked: () => parked.length,
    waiting: (file) => parked.flatMap((one) => (one.file === file ? one.bytes : [])),
    status() {
      const status = {
        bus: bus.status(),
        stages: stages.map((stage) => stage.status()),
        append: guarded.status(),
      };
      const parts = [...status.stages, ...status.bus.subscribers, status.append];
      const errors = parts.reduce((sum, one) => sum + one.errors, 0);
      return { ...status, errors };
    },
    async close() {
      closed = true;
      bus.complete();
      offer?.();
      offerParked();
      while (parked.length > 0) {
        const before = parked.length;
        const flushed = await port.writer.flush();
        offerParked();
        if (!flushed.ok || parked.length === before) return giveUp();
      }
    },
  };
}
