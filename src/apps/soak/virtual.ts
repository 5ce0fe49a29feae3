/** A soak on virtual time: the collector, the venues and the faults in one thread; only the files are real. */

import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { manualTime } from '../../core/manual-time.ts';
import { seededRandom } from '../../core/random.ts';
import { seconds } from '../../core/time.ts';
import { loadCcxt } from '../../io/ccxt.ts';
import { nodeFileOps } from '../../io/file-ops.ts';
import { ownHeap } from '../../runtime/heap.ts';
import { createMemorySim } from '../../sim/memory.ts';
import { servedOf } from '../../sim/place.ts';
import { randomFaults } from '../../sim/random-faults.ts';
import type { EndBook } from './check-books.ts';
import { type CollectorLife, startCollectorLife } from './collector.ts';
import { waitedDisk } from './disk.ts';
import { createPeak, type Peak } from './peak.ts';
import type { RequestCounts } from './report.ts';
import { type Restart, restartsOf } from './restarts.ts';
import type { MemorySample } from './slope.ts';
import { isKept } from './told.ts';
import { SOAKED, soakSettings } from './venues.ts';

/** 18:00 UTC: a day of it has a midnight. */
const START_US = Date.UTC(2026, 10, 21, 18) * 1000;
const STEP_MS = 100;
/** As told so far, of the newest minute. */
const LEVELS = 50;
const LAST_MS = 60_000;
/** The market stands still for so long before the end: all that was sent arrives. */
const DRAIN_SEC = 10;
const LONGEST_HEAL_SEC = 900;
const MEMORY_SAMPLES = 24;
/** Each hour, or more often in a short run. */
const HOUR_SEC = 3_600;

export interface VirtualOptions {
  /** An empty folder. */
  readonly out: string;
  readonly seed: number;
  readonly rate: number;
  readonly faultsPerMinute: number;
  readonly totalSec: number;
  readonly compressUrl: URL;
  /** Told often. */
  progress(doneSec: number, what: string): void;
}

export interface VirtualRun {
  readonly dataDir: string;
  readonly journal: string;
  readonly endUs: number;
  /** When the market stood still. */
  readonly quietTs: number;
  readonly healSec: number;
  readonly messages: number;
  readonly books: readonly EndBook[];
  readonly heap: readonly MemorySample[];
  readonly restarts: readonly Restart[];
  readonly requests: Readonly<Record<string, RequestCounts>>;
  readonly stepMs: number;
}

export async function runVirtual(options: VirtualOptions): Promise<VirtualRun> {
  const { out, seed, totalSec } = options;
  const dataDir = join(out, 'data');
  const journalPath = join(out, 'journal.jsonl');
  mkdirSync(dataDir, { recursive: true });
  const journal = createWriteStream(journalPath);
  const healSec = Math.min(LONGEST_HEAL_SEC, totalSec / 3);
  const clock = manualTime(START_US);
  const random = seededRandom(seed);
  const disk = waitedDisk(nodeFileOps);
  const settings = soakSettings(dataDir);
  const served = servedOf({ venues: SOAKED, symbols: {} });
  const faultsUntilSec = totalSec - healSec;
  const sim = createMemorySim({
    ...{ seed, rate: options.rate, venues: SOAKED, symbols: {}, clock, faultSeed: seed, stepMs: STEP_MS },
    journalMarket: true,
    journal: (line) => isKept(line) && journal.write(`${line}\n`),
    plan: randomFaults({
      seed,
      mix: 'all',
      perMinute: options.faultsPerMinute,
      served,
      untilSec: faultsUntilSec,
    }),
  });
  const restarts = restartsOf({
    ...{ seed: seed + 1, untilSec: faultsUntilSec, feedEverySec: 1_200, collectorEverySec: 7_200 },
    ...{ idleSec: Math.min(300, totalSec / 20), leastSec: 60 },
  });
  const requests = new Map<string, Peak>(SOAKED.map(({ id }) => [id, createPeak()]));
  for (const { rest } of SOAKED) await loadCcxt(rest.ccxt);

  const passedSec = (): number => clock.monoMs() / 1000;
  const step = async (): Promise<void> => {
    clock.advanceTo(clock.wallUs() + STEP_MS * 1000);
    await disk.settled();
  };
  const passTo = async (sec: number): Promise<void> => {
    while (passedSec() < sec) {
      await step();
      options.progress(passedSec(), '');
    }
  };
  const pass = async <T>(job: Promise<T>): Promise<T> => {
    let isDone = false;
    const end = (): void => {
      isDone = true;
    };
    job.then(end, end);
    await disk.settled();
    while (!isDone) await step();
    return job;
  };

  const begin = (): Promise<CollectorLife> =>
    startCollectorLife({
      ...{ settings, clock, random, disk, sim, pass, compressUrl: options.compressUrl },
      onSend: (venue) => requests.get(venue)?.add(clock.monoMs()),
    });

  const heap: MemorySample[] = [];
  const { collect, usedBytes } = ownHeap();
  const sampleSec = Math.min(HOUR_SEC, totalSec / MEMORY_SAMPLES);
  const sample = (): void => {
    collect();
    heap.push({ hour: passedSec() / HOUR_SEC, mb: Math.round(usedBytes() / 1e4) / 100 });
  };
  const sampling = clock.every(sampleSec * 1000, sample);

  let life = await begin();
  for (const one of restarts) {
    await passTo(one.atSec);
    journal.write(`${JSON.stringify({ ts: seconds(clock.wallUs()), venue: 'soak', restart: one })}\n`);
    if (one.what === 'feed') {
      const feed = life.feeds[Math.floor(one.pick * life.feeds.length)];
      if (feed !== undefined) await life.restart(feed, one.how, one.idleSec * 1000);
    } else {
      await life.stop(one.how);
      await passTo(one.atSec + one.idleSec);
      life = await begin();
    }
  }
  await passTo(faultsUntilSec);
  sim.clearFaults();
  await passTo(totalSec - DRAIN_SEC - LAST_MS / 1000);
  const windows = (): readonly EndBook[] =>
    [...sim.places].flatMap(([venue, { market, instruments }]) =>
      instruments.map(({ symbol }) => {
        const { bids, asks } = market.view.window(symbol, LEVELS);
        return { venue, symbol, bids, asks };
      }),
    );
  // They are kept up from the first call on.
  windows();
  await passTo(totalSec - DRAIN_SEC);
  sim.pause();
  const quietTs = seconds(clock.wallUs());
  await passTo(totalSec);
  const books = windows();
  sampling();
  await life.stop('stopped');
  sim.stop();
  const endUs = clock.wallUs();
  await new Promise<void>((resolve) => journal.end(resolve));
  return {
    ...{ dataDir, journal: journalPath, endUs, quietTs, healSec, books, heap, restarts, stepMs: STEP_MS },
    messages: sim.sent(),
    requests: Object.fromEntries(
      [...requests].map(([venue, peak]) => {
        const { max_info_rpm, share } = settings.venues[venue]?.rate ?? { max_info_rpm: 0, share: 0 };
        return [venue, { ...peak.read(), target: max_info_rpm * share }];
      }),
    ),
  };
}
