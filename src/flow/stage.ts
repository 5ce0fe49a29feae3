/** A stage: batches in, batches out; pure of time, files and network. */

import { merge, mergeMap, Subject, tap } from 'rxjs';
import { type Bus, type GuardStatus, guard, type Report, type Topic, type Topics } from './bus.ts';

export interface Stage<In, Out> {
  readonly name: string;
  ingest(batch: In): readonly Out[];
  /** What is due by time alone. `nowUs`: µs UTC, from the clock, or from the receipt times of a replay. */
  tick(nowUs: number): readonly Out[];
  /** The last batch of this symbol was ingested. Should it come again, it begins anew. */
  forget(venue: string, symbol: string): void;
  /** What it left out, by name, since the start. */
  counts?(): Readonly<Record<string, number>>;
}

export interface StageStatus extends GuardStatus {
  readonly batchesIn: number;
  readonly batchesOut: number;
  readonly counts: Readonly<Record<string, number>>;
}

export interface AttachedStage {
  tick(nowUs: number): void;
  forget(venue: string, symbol: string): void;
  status(): StageStatus;
}

/** Puts a stage on the bus. When it throws, that batch's output is lost, counted and reported; the next goes on. */
export function attach<In extends Topic, Out extends Topic>(
  bus: Bus,
  stage: Stage<Topics[In], Topics[Out]>,
  inTopic: In,
  outTopic: Out,
  report: Report,
): AttachedStage {
  const guarded = guard(stage.name, report);
  const ticks = new Subject<number>();
  let batchesIn = 0;
  let batchesOut = 0;
  // The copy is made inside the guard, so that whatever is no list fails there and not in the operator.
  const attempt = (work: () => readonly Topics[Out][]) => guarded.run(() => [...work()]) ?? [];

  const ingested = bus.stream(inTopic).pipe(
    tap(() => batchesIn++),
    mergeMap((batch) => attempt(() => stage.ingest(batch))),
  );
  const ticked = ticks.pipe(mergeMap((nowUs) => attempt(() => stage.tick(nowUs))));
  merge(ingested, ticked).subscribe((batch) => {
    batchesOut++;
    bus.publish(outTopic, batch);
  });

  return {
    tick: (nowUs) => ticks.next(nowUs),
    forget: (venue, symbol) => void guarded.run(() => stage.forget(venue, symbol)),
    status: () => ({ ...guarded.status(), batchesIn, batchesOut, counts: stage.counts?.() ?? {} }),
  };
}
