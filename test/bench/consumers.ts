/**
 * What is measured, each in a process of its own: bare `ws` receive plus `JSON.parse`, and the whole way from the
 * wire to CSV on disk (a fetcher thread, the bus and its stages, the writer with its fsyncs). The first fifth of the
 * frames warms up and is not counted.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { Feed } from '../../src/core/event.ts';
import { ok } from '../../src/core/result.ts';
import { replaceFile } from '../../src/io/atomic.ts';
import { systemClock } from '../../src/io/clock.ts';
import { createLatest } from '../../src/io/latest.ts';
import { createSafeWriter } from '../../src/io/safe-writer.ts';
import { createPipeline } from '../../src/runtime/pipeline.ts';
import { DEFAULT_TUNING, NOTHING_LEFT } from '../../src/runtime/protocol.ts';
import { startThread } from '../../src/runtime/thread.ts';
import { venueById } from '../../src/venues/index.ts';

export interface Job {
  readonly kind: 'bare' | 'wire to disk';
  readonly venue: string;
  readonly feed: Feed;
  readonly port: number;
  readonly frames: number;
  readonly rows: number;
  readonly symbols: readonly string[];
  readonly answers: Readonly<Record<string, string>>;
}

export interface Measured {
  readonly messages: number;
  readonly cpuSec: number;
  readonly wallSec: number;
  readonly rssMb: number;
}

const WARM = 0.2;

/** Counts from the end of the warm-up to the end. */
function meter(total: number, frames: number): { at(count: number): void; read(): Measured } {
  let begun: { readonly cpu: NodeJS.CpuUsage; readonly ms: number; readonly count: number } | null = null;
  return {
    at(count) {
      if (begun === null && count >= total * WARM)
        begun = { cpu: process.cpuUsage(), ms: performance.now(), count };
    },
    read() {
      const since = begun ?? { cpu: process.cpuUsage(), ms: performance.now(), count: 0 };
      const { user, system } = process.cpuUsage(since.cpu);
      return {
        messages: Math.round(((total - since.count) / total) * frames),
        cpuSec: (user + system) / 1e6,
        wallSec: (performance.now() - since.ms) / 1000,
        rssMb: Math.round(process.memoryUsage.rss() / 1e6),
      };
    },
  };
}

function bare(job: Job): Promise<Measured> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${job.port}/`, { perMessageDeflate: false });
    const measure = meter(job.frames, job.frames);
    let count = 0;
    let parsed: unknown;
    socket.on('message', (data: Buffer) => {
      parsed = JSON.parse(data.toString('utf8'));
      count += 1;
      measure.at(count);
      if (count === job.frames) {
        resolve({ ...measure.read(), ...(parsed === undefined ? { messages: 0 } : {}) });
        socket.terminate();
      }
    });
  });
}

async function wireToDisk(job: Job): Promise<Measured> {
  const venue = venueById(job.venue);
  if (venue === undefined) throw new Error(`no venue ${job.venue}`);
  const root = mkdtempSync(join(tmpdir(), 'tapedeck-bench-'));
  const clock = systemClock();
  const report = (file: { readonly message: string }): void => {
    throw new Error(file.message);
  };
  const writer = createSafeWriter({ root, clock, report });
  const latest = createLatest({ root, clock, replace: replaceFile, report });
  const pipeline = createPipeline({
    writer,
    latest,
    clock,
    onError: (name, failure) => report({ message: `${name}: ${failure.message}` }),
    onSignals: () => undefined,
  });
  const measure = meter(job.rows, job.frames);
  let rows = 0;
  let finish: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const url = `ws://127.0.0.1:${job.port}/${job.venue}`;
  const thread = startThread(
    {
      venue: job.venue,
      key: job.venue,
      feed: job.feed,
      instruments: job.symbols.flatMap((symbol) => venue.locate(symbol) ?? []),
      endpoints: { ...venue.endpoints, ws: url },
      options: { depth: 200, stream: null },
      transport: 'ws',
      poll: { intervalMs: 2_000, jitter: 0.1, maxIntervalMs: 60_000 },
      fallback: null,
      left: NOTHING_LEFT,
      capture: null,
      tuning: DEFAULT_TUNING,
    },
    {
      clock,
      random: Math.random,
      stretch: () => 1,
      url: new URL('../../workers/fetcher.js', import.meta.url),
      onBatch: (batch, written) =>
        pipeline.ingest(batch, () => {
          written();
          rows += batch.events;
          measure.at(rows);
          if (rows >= job.rows) finish();
        }),
      onBooks: (books) => pipeline.books(job.venue, books),
      onFact: (fact) => {
        if (fact.type !== 'connect') process.stderr.write(`${JSON.stringify(fact)}\n`);
      },
      onQuarantine: () => undefined,
      onGap: () => undefined,
      resume: async () => NOTHING_LEFT,
      onReject: (reason) => report({ message: reason }),
      ask: async (call) =>
        ok({ text: job.answers[String(call.params.symbol)] ?? '', localUs: clock.wallUs(), url: '' }),
    },
  );
  const ticks = clock.every(1_000, () => pipeline.tick(clock.wallUs()));
  await done;
  await writer.flush();
  const measured = measure.read();
  ticks();
  await thread.stop();
  await latest.close();
  await writer.close();
  rmSync(root, { recursive: true });
  return measured;
}

process.once('message', (job: Job) => {
  void (job.kind === 'bare' ? bare(job) : wireToDisk(job)).then((measured) => {
    process.send?.(measured, () => process.exit(0));
  });
});
