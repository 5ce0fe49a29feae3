/** The fetcher threads, all of them: started, connected to the sinks, told what concerns them. */

import { isDeepStrictEqual } from 'node:util';
import { FEEDS, type Feed } from '../core/event.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Located } from '../core/venue.ts';
import { rawFile } from '../flow/rows.ts';
import { type BatchWay, watchWay } from './batch-way.ts';
import type { Coverage } from './coverage.ts';
import type { Chain } from './coverage-lines.ts';
import type { GapLedger } from './gap-ledger.ts';
import type { Fact, FetcherInit, Left } from './protocol.ts';
import type { Sinks } from './sinks.ts';
import { fetcherInit, pollOptions, type Station } from './station.ts';
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
  /** Whether the ways of batches are of interest now, and one that was gone. */
  isTracing(): boolean;
  onWay(way: BatchWay): void;
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

const symbolsOf = ({ instruments }: Pick<FetcherInit, 'instruments'>): readonly string[] =>
  instruments.map(({ symbol }) => symbol);

const isRecorded = ({ located }: Pick<Station, 'located'>, symbol: string): boolean =>
  located.some((one) => one.symbol === symbol);

export interface Fleet {
  /** Starts a thread for each feed of the venue that the settings want. */
  start(station: Station): void;
  /** Begins one feed of a venue while the others run, or begins it anew. */
  begin(station: Station, feed: Feed): Promise<void>;
  /** Ends one feed of a venue, or all; resolves when the last rows are in their files and nothing of it is kept. */
  end(venue: string, feed?: Feed): Promise<void>;
  /** The feeds of the venue go on with the symbols and the polling of its settings now. */
  renew(station: Station): Promise<void>;
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
  let workers: readonly FleetWorker[] = [];
  /** What is done to close the files of symbols that are gone. */
  let leaving: Promise<void> = Promise.resolve();

  /** Not recorded any more: their last rows were received. */
  const drop = (venue: string, feed: Feed, tally: WorkerTally, symbols: readonly string[]): void => {
    if (symbols.length === 0) return;
    for (const symbol of symbols) tally.forget(symbol);
    leaving = leaving.then(() => sinks.dropped(venue, feed, symbols));
  };

  const leftOf = async (
    venue: string,
    feed: Feed,
    instruments: readonly Located[],
    because: string,
  ): Promise<Left> => {
    const { seen, last } = await sinks.resume(venue, feed, instruments, (symbol) =>
      port.gaps.wasFilled({ venue, feed, symbol }),
    );
    for (const [symbol, { local_ts = 0 }] of Object.entries(last))
      port.coverage.row({ venue, feed, symbol }, Math.round(local_ts * 1e6));
    if (Object.keys(last).length > 0) note({ type: 'resume', scope: `${venue}.${feed}`, symbols: last });
    const open = port.gaps
      .open(venue, feed)
      .filter(({ gap }) => instruments.some(({ symbol }) => symbol === gap.symbol));
    return { seen, last, open, because };
  };

  /** `first`: why nothing was recorded before. */
  const startOne = (station: Station, feed: Feed, tally: WorkerTally, first: string): FleetWorker => {
    let starts = 0;
    const init = fetcherInit(station, feed, port.capture);
    const { venue } = init;
    const scope = `${venue}.${feed}`;
    const because = (): string => {
      starts += 1;
      return starts === 1 ? first : 'its thread was started anew';
    };
    const thread = startThread(init, {
      clock,
      random,
      url: port.url,
      onBatch(batch, done, sentUs) {
        const way = port.isTracing() ? watchWay(scope, batch, sentUs, clock) : null;
        tally.batch(batch);
        for (const { symbol } of batch.parts) port.coverage.row({ venue, feed, symbol }, batch.firstLocalUs);
        sinks.pipeline.ingest(batch, (rows) => {
          tally.written(rows);
          done();
          if (way !== null) port.onWay(way.written(rows));
        });
        way?.published();
      },
      onDropped: (symbols) => drop(venue, feed, tally, symbols),
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
      resume: (instruments) => leftOf(venue, feed, instruments, because()),
      ask: (call, priority, signal) => station.rest.ask(call, priority, scope, signal),
      isHeld: port.isHeld,
      stretch: station.governor.stretch,
      pausedMs: () => station.governor.pause('all')?.ms ?? 0,
    });
    return { thread, tally };
  };

  const isOf = ({ thread: { init } }: FleetWorker, venue: string, feed?: Feed): boolean =>
    init.venue === venue && (feed === undefined || init.feed === feed);

  return {
    start(station) {
      for (const feed of FEEDS)
        if (station.settings.feeds[feed]?.enabled)
          workers = [
            ...workers,
            startOne(station, feed, createWorkerTally(clock, feed), 'the collector was not running'),
          ];
    },
    async begin(station, feed) {
      const before = workers.find((one) => isOf(one, station.venue.id, feed));
      await before?.thread.stop();
      const tally = before?.tally ?? createWorkerTally(clock, feed);
      tally.begins();
      if (before !== undefined) {
        const gone = symbolsOf(before.thread.init).filter((symbol) => !isRecorded(station, symbol));
        drop(station.venue.id, feed, tally, gone);
      }
      const made = startOne(station, feed, tally, 'the settings were changed');
      // In the old one's place: lists of workers keep their order.
      if (before === undefined) workers = [...workers, made];
      else workers = workers.map((one) => (one === before ? made : one));
    },
    async end(venue, feed) {
      const ending = workers.filter((one) => isOf(one, venue, feed));
      await Promise.all(ending.map(({ thread }) => thread.stop()));
      workers = workers.filter((one) => !ending.includes(one));
      for (const { thread, tally } of ending) drop(venue, thread.init.feed, tally, symbolsOf(thread.init));
      await leaving;
    },
    async renew(station) {
      const { venue, located, settings } = station;
      for (const { thread, tally } of workers.filter((one) => isOf(one, venue.id))) {
        const { feed, instruments, poll } = thread.init;
        const added = located.filter(({ symbol }) => !instruments.some((one) => one.symbol === symbol));
        if (added.length > 0 || instruments.length !== located.length) {
          // The files of one that comes back at once are closed before they are read.
          await leaving;
          const left = await leftOf(venue.id, feed, added, 'the settings left it out');
          for (const { symbol } of added) tally.begins(symbol);
          thread.instruments(located, left);
        }
        const next = pollOptions(settings, feed);
        if (!isDeepStrictEqual(next, poll)) thread.poll(next);
      }
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
      await leaving;
    },
  };
}
