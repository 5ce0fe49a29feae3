/** The in-process stream of batches, by topic. One `publish` per batch, never per event; it is synchronous. */

import { type Observable, Subject, type Subscription } from 'rxjs';
import type { Batch } from '../core/batch.ts';
import { type Failure, failureOf } from '../core/result.ts';
import type { FeatureBatch } from './features/feature.ts';
import type { SignalBatch } from './signals/signal.ts';

export interface Topics {
  'feature_engine.ingest': Batch;
  'sig_builder.ingest': FeatureBatch;
  'signal-writer.ingest': SignalBatch;
}

export type Topic = keyof Topics;

/** Told once of each streak of failures; a batch that a subscriber failed on is not given to it again. */
export type Report = (subscriber: string, failure: Failure) => void;

/**
 * After so many runs in order that did not fail, a failure is one of a new streak. Not after one: a symbol whose every
 * row is bad fails every other batch.
 */
export const SOUND_RUNS = 1_000;

export interface GuardStatus {
  readonly name: string;
  readonly errors: number;
  readonly lastError: Failure | null;
  /** Times that the report itself threw. */
  readonly reportErrors: number;
}

/** Runs work that may throw. */
export interface Guard {
  /**
   * What `work` gives; null when it threw, which is counted, and reported unless its streak had that code before. A
   * rejected promise is so too, later.
   */
  run<T>(work: () => T): T | null;
  status(): GuardStatus;
}

/**
 * RxJS 7 rethrows what a `next` handler throws from a timer: an uncaught exception, which ends the process. What
 * an operator throws ends its subscription for good. So every handler and every stage runs inside a guard.
 */
export function guard(name: string, report: Report): Guard {
  let errors = 0;
  let reportErrors = 0;
  let lastError: Failure | null = null;
  /** Codes that this streak has reported. */
  const reported = new Set<string>();
  let sound = 0;

  function pass(): void {
    sound++;
    if (sound >= SOUND_RUNS) reported.clear();
  }

  function fail(thrown: unknown): void {
    errors++;
    sound = 0;
    lastError = failureOf(thrown, 'never');
    if (reported.has(lastError.code)) return;
    reported.add(lastError.code);
    try {
      report(name, lastError);
    } catch {
      reportErrors++;
    }
  }

  function run<T>(work: () => T): T | null {
    try {
      const result = work();
      if (result instanceof Promise) result.then(pass, fail);
      else pass();
      return result;
    } catch (thrown) {
      fail(thrown);
      return null;
    }
  }

  return { run, status: () => ({ name, errors, lastError, reportErrors }) };
}

export interface BusStatus {
  /** Batches per topic. */
  readonly published: Readonly<Record<Topic, number>>;
  /** Batches that came after `complete` and went nowhere. */
  readonly late: number;
  readonly subscribers: readonly GuardStatus[];
}

export interface Bus {
  publish<T extends Topic>(topic: T, batch: Topics[T]): void;
  /** Guarded: a handler that throws goes on with the next batch. An async one is not waited for. */
  subscribe<T extends Topic>(topic: T, name: string, handler: (batch: Topics[T]) => unknown): Subscription;
  /** For operators; whatever may throw on it needs a `guard`. Completes at `complete`. */
  stream<T extends Topic>(topic: T): Observable<Topics[T]>;
  /** The stop: every topic completes, upstream first. */
  complete(): void;
  status(): BusStatus;
}

export function createBus(report: Report): Bus {
  const subjects: { readonly [T in Topic]: Subject<Topics[T]> } = {
    'feature_engine.ingest': new Subject(),
    'sig_builder.ingest': new Subject(),
    'signal-writer.ingest': new Subject(),
  };
  const published = { 'feature_engine.ingest': 0, 'sig_builder.ingest': 0, 'signal-writer.ingest': 0 };
  const guards = new Set<Guard>();
  let late = 0;
  let completed = false;

  function publish<T extends Topic>(topic: T, batch: Topics[T]): void {
    if (completed) {
      late++;
      return;
    }
    published[topic]++;
    subjects[topic].next(batch);
  }

  function subscribe<T extends Topic>(
    topic: T,
    name: string,
    handler: (batch: Topics[T]) => unknown,
  ): Subscription {
    const guarded = guard(name, report);
    guards.add(guarded);
    return subjects[topic].subscribe((batch) => guarded.run(() => handler(batch)));
  }

  function complete(): void {
    completed = true;
    for (const subject of Object.values(subjects)) subject.complete();
  }

  return {
    publish,
    subscribe,
    stream: (topic) => subjects[topic].asObservable(),
    complete,
    status: () => ({
      published: { ...published },
      late,
      subscribers: [...guards].map((each) => each.status()),
    }),
  };
}
