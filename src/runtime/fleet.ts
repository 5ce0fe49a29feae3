/** The fetcher threads, all of them: started, connected to the sinks, told what concerns them. */

import { FEEDS, type Feed } from '../core/event.ts';
import type { Clock, Random } from '../core/ports.ts';
import { rawFile } from '../flow/rows.ts';
import type { Chain, Coverage } from './coverage.ts';
import type { GapLedger } from './gap-ledger.ts';
import type { Fact, FetcherInit } from './protocol.ts';
import type { Sinks } from './sinks.ts';
import { fetcherInit, type Station } from './station.ts';
import { startThread, type Thread } from './thread.ts';
import { createWorkerTally, type WorkerTally } from './worker-tally.ts';

export interface FleetPort {
  readonly clock: Clock;
  readonly random: Random;
  /** `workers/fetcher`, compiled. */
  readonly url: URL;
  readonly sinks: Sinks;
  readonly gaps: GapLedger;
  readonly coverage: Pick<Coverage, 'row'>;
  /** Where the feeds whose settings want it are recorded raw. */
  readonly capture: FetcherInit['capture'];
  /** Nothing may be written to the disk now. */
  isHeld(): boolean;
  note(fact: Fact): void;
  /** A frame was refused: seldom of interest, and many. */
  onReject(scope: string, reason: string): void;
}

export interface FleetWorker {
  readonly thread: Thread;
  readonly tally: WorkerTally;
}

/** What is recorded. */
export function chainsOf(workers: readonly FleetWorker[]): readonly Chain[] {
  return workers.flatMap(({ thread: { init } }) =>
    init.instruments.map(({ symbol }) => ({ venue: init.venue, feed: init.feed, symbol })),
  );
}

export interface Fleet {
  /** Starts a thread for each feed of the venue that the settings want. */
  start(station: Station): void;
  workers(): readonly FleetWorker[];
  /** The rows of a live file are to go on in a new one. */
  rotate(file: string, reason: string): void;
  /** Nothing may be written to the disk now, or may again. */
  hold(on: boolean): void;
  /** The venue wants every session closed for so long, ms. */
  pause(venue: string, ms: number): void;
  /** Resolves when the last batch of each was received. */
  stop(): Promise<void>;
}

export function createFleet(port: FleetPort): Fleet {
  const { clock, random, sinks, note } = port;
  const workers: FleetWorker[] = [];

  const startOne = (station: Station, feed: Feed): FleetWorker => {
    const init = fetcherInit(station, feed, port.capture);
    const { venue, instruments } = init;
    const scope = `${venue}.${feed}`;
    const tally = createWorkerTally(clock, feed);
    let starts = 0;
    const thread = startThread(init, {
      clock,
      random,
      url: port.url,
      onBatch(batch, done) {
        tally.batch(batch);
        for (const { symbol } of batch.parts) port.coverage.row({ venue, feed, symbol }, batch.firstLocalUs);
        sinks.pipeline.ingest(batch, (rows) => {
          tally.written(rows);
          done();
        });
      },
      onBooks: (books) => sinks.pipeline.books(venue, books),
      onFact(fact) {
        if (fact.type === 'reconnect' || fact.type === 'worker_restart') tally.error();
        note(fact);
      },
      onGap(change) {
        if (change.state === 'open') tally.gap();
        port.gaps.change(change);
      },
      onReject(reason, text, localUs) {
        tally.error();
        sinks.rejects.add(scope, reason, text, localUs);
        port.onReject(scope, reason);
      },
      onQuarantine(symbol, reason, event) {
        sinks.quarantine.add({ venue, feed, symbol, reason, event });
        note({ type: 'quarantine', scope, symbol, reason });
      },
      async resume() {
        const { seen, last } = await sinks.resume(venue, feed, instruments);
        for (const [symbol, { local_ts = 0 }] of Object.entries(last))
          port.coverage.row({ venue, feed, symbol }, Math.round(local_ts * 1e6));
        if (Object.keys(last).length > 0) note({ type: 'resume', scope, symbols: last });
        const because = starts === 0 ? 'the collector was not running' : 'its thread was started anew';
        starts += 1;
        return { seen, last, open: port.gaps.open(venue, feed), because };
      },
      ask: (call, priority, signal) => station.rest.ask(call, priority, scope, signal),
      isHeld: port.isHeld,
      stretch: station.governor.stretch,
      pausedMs: () => station.governor.pause('all')?.ms ?? 0,
    });
    return { thread, tally };
  };

  return {
    start(station) {
      for (const feed of FEEDS)
        if (station.settings.feeds[feed]?.enabled) workers.push(startOne(station, feed));
    },
    workers: () => workers,
    rotate(file, reason) {
      // Only its fetcher can begin a new file: a book's must begin with a snapshot.
      for (const { thread } of workers) {
        const { venue, feed, instruments } = thread.init;
        const one = instruments.find(({ symbol }) => rawFile(venue, feed, symbol) === file);
        if (one === undefined) continue;
        note({ type: 'rotate', scope: thread.id, symbol: one.symbol, reason });
        thread.rotate(one.symbol);
      }
    },
    hold(on) {
      for (const { thread } of workers) thread.hold(on);
    },
    pause(venue, ms) {
      for (const { thread } of workers) if (thread.init.venue === venue) thread.pause(ms);
    },
    async stop() {
      await Promise.all(workers.map(({ thread }) => thread.stop()));
    },
  };
}
