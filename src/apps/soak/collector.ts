/** One life of the whole collector, in one thread: what `runtime/app.ts` puts together, over the simulator in memory. */

import { join } from 'node:path';
import type { Settings } from '../../../config/schema.ts';
import { FEEDS } from '../../core/event.ts';
import type { Clock, Random } from '../../core/ports.ts';
import type { Failure } from '../../core/result.ts';
import { rawFile } from '../../flow/rows.ts';
import { readText, replaceFile } from '../../io/atomic.ts';
import type { FileReport } from '../../io/file-ops.ts';
import { readGovernorFile, writeGovernorFile } from '../../io/governor-file.ts';
import { startCoverage } from '../../runtime/coverage.ts';
import { openGapLedger } from '../../runtime/gap-ledger.ts';
import { createGovernorMemory } from '../../runtime/governor-memory.ts';
import { createLedger } from '../../runtime/ledger.ts';
import type { Fact, FromFetcher, Left } from '../../runtime/protocol.ts';
import { createRollCall } from '../../runtime/roll-call.ts';
import type { Station } from '../../runtime/station.ts';
import type { MemorySim } from '../../sim/memory.ts';
import type { WaitedDisk } from './disk.ts';
import { type FeedLife, feedLife } from './feed.ts';
import { openSoakSinks } from './sinks.ts';
import { SOAKED, stationOf } from './venues.ts';

export interface CollectorLifePort {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: WaitedDisk;
  readonly sim: MemorySim;
  readonly compressUrl: URL;
  /** A request left us. */
  onSend(venue: string): void;
  /** Moves time on until it is done. */
  pass<T>(job: Promise<T>): Promise<T>;
}

export interface CollectorLife {
  readonly feeds: readonly FeedLife[];
  /** Kills one feed; another is started in its place after so long. */
  restart(feed: FeedLife, how: 'stopped' | 'killed', idleMs: number): Promise<void>;
  rows(): number;
  /** `killed`: no feed sends what it still has. What has reached the writer is written either way. */
  stop(how: 'stopped' | 'killed'): Promise<void>;
}

export async function startCollectorLife(port: CollectorLifePort): Promise<CollectorLife> {
  const { settings, clock, random, disk, sim } = port;
  const dataDir = settings.paths.data;
  let isOver = false;

  const ledger = createLedger(dataDir, clock, (report) => onFile(report));
  const note = (fact: Fact): void => ledger.note(fact);
  const onFile = (report: FileReport): void => {
    if (!report.scope.endsWith('events.jsonl')) note({ ...report, scope: 'collector', file: report.scope });
  };
  const onError = (scope: string, { code, message }: Failure): void =>
    note({ type: 'error', scope, code, message });

  const sinks = await openSoakSinks({
    ...{ settings, clock, disk, onError, report: onFile, compressUrl: port.compressUrl },
    onNewFile(file) {
      for (const life of feeds)
        for (const symbol of settings.venues[life.venue]?.symbols ?? [])
          if (rawFile(life.venue, life.feed, symbol) === file) life.rotate(symbol);
    },
  });
  const gaps = await openGapLedger({ dataDir, clock, onReport: onFile, onError });
  const coverage = await startCoverage({
    ...{ dataDir, clock, readText, onError, gaps: gaps.times, forget: gaps.forget },
    chains: () =>
      feeds.flatMap(({ venue, feed }) =>
        (settings.venues[venue]?.symbols ?? []).map((symbol) => ({ venue, feed, symbol })),
      ),
    replace: (path, text) => disk.wait(replaceFile(path, text)),
  });
  const bans = join(dataDir, 'runtime', 'governor.json');
  const remembered = await readGovernorFile(bans);
  if (!remembered.ok) onError('runtime/governor.json', remembered.error);
  const memory = createGovernorMemory({
    clock,
    file: remembered.ok ? remembered.value : null,
    write: (file) => disk.wait(writeGovernorFile(bans, file)),
    onError: (failure) => onError('runtime/governor.json', failure),
  });
  const stations = SOAKED.map((venue) =>
    stationOf(venue, {
      ...{ sim, clock, settings, memory, note, onSend: port.onSend },
      pauseSessions(id, ms) {
        for (const life of feeds) if (life.venue === id) life.pause(ms);
      },
    }),
  );

  const post = (
    message: FromFetcher,
    { venue, feed }: Pick<FeedLife, 'venue' | 'feed'>,
    done: () => void,
  ) => {
    switch (message.type) {
      case 'batch': {
        const { batch } = message;
        for (const { symbol } of batch.parts) coverage.row({ venue, feed, symbol }, batch.firstLocalUs);
        return sinks.pipeline.ingest(batch, done);
      }
      case 'books':
        return sinks.pipeline.books(venue, message.books);
      case 'fact':
        return note(message.fact);
      case 'gap':
        return gaps.change(message.change);
      case 'quarantine':
        return note({
          type: 'quarantine',
          scope: `${venue}.${feed}`,
          symbol: message.symbol,
          reason: message.reason,
        });
      default:
        return;
    }
  };

  const starts = new Map<string, number>();
  const resume = async (station: Station, feed: FeedLife['feed']): Promise<Left> => {
    const scope = `${station.venue.id}.${feed}`;
    const venue = station.venue.id;
    const { seen, last } = await sinks.resume(station, feed, (symbol) =>
      gaps.wasFilled({ venue, feed, symbol }),
    );
    for (const [symbol, { local_ts = 0 }] of Object.entries(last))
      coverage.row({ venue: station.venue.id, feed, symbol }, Math.round(local_ts * 1e6));
    const count = starts.get(scope) ?? 0;
    starts.set(scope, count + 1);
    const because = count === 0 ? 'the collector was not running' : 'its thread was started anew';
    return { seen, last, open: gaps.open(station.venue.id, feed), because };
  };

  const feeds: readonly FeedLife[] = stations.flatMap((station) =>
    FEEDS.map((feed) =>
      feedLife(station, feed, {
        ...{ clock, random, sim },
        resume: (one, of) => disk.wait(resume(one, of)),
        post: (message, done) => post(message, { venue: station.venue.id, feed }, done),
      }),
    ),
  );

  note({ type: 'start', scope: 'collector', kind: 'sim', version: 'soak', pid: process.pid });
  const rollCall = createRollCall({
    ...{ stations, clock, random, dataDir, note, onError, kind: 'sim' as const, say: () => undefined },
  });
  await port.pass(rollCall.first());
  await Promise.all(feeds.map((life) => life.start()));
  const ticks = clock.every(1_000, () => sinks.pipeline.tick(clock.wallUs()));

  return {
    feeds,
    async restart(life, how, idleMs) {
      const scope = `${life.venue}.${life.feed}`;
      if (how === 'killed') life.kill();
      else await life.stop();
      note({ type: 'worker_restart', scope, reason: how, in_sec: idleMs / 1000 });
      clock.after(idleMs, () => {
        if (!isOver) void disk.wait(life.start());
      });
    },
    rows: sinks.rows,
    async stop(how) {
      isOver = true;
      ticks();
      await rollCall.stop();
      for (const life of feeds) {
        if (how === 'killed') life.kill();
        else await life.stop();
      }
      await sinks.close();
      for (const station of stations) station.close();
      await memory.settled();
      if (how === 'stopped') note({ type: 'stop', scope: 'collector' });
      await coverage.stop();
      await gaps.settled();
      await ledger.settled();
    },
  };
}
