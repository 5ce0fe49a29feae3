/** `tapedeck replay FILE… --out DIR`: recorded frames through the same pipeline, as fast as it goes. */

import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Environment, loadSettings } from '../../config/load.ts';
import type { Settings } from '../../config/schema.ts';
import type { Market } from '../core/event.ts';
import { err, failureOf, ok, type Result } from '../core/result.ts';
import type { Venue } from '../core/venue.ts';
import { keyOf } from '../core/venue.ts';
import { createArchive } from '../io/archive.ts';
import { replaceFile } from '../io/atomic.ts';
import { systemClock } from '../io/clock.ts';
import { attempt, makeFolder, nodeFileOps } from '../io/file-ops.ts';
import { gzipFile } from '../io/gzip-file.ts';
import { createLatest } from '../io/latest.ts';
import { findRecordings, playRecordings, type Recordings } from '../io/recordings.ts';
import { createSafeWriter } from '../io/safe-writer.ts';
import { createPipeline } from '../runtime/pipeline.ts';
import { createRejects } from '../runtime/rejects.ts';
import { type ReplayReport, replay } from '../runtime/replay.ts';
import { feedOptions } from '../runtime/station.ts';
import { VENUES, venuesOf } from '../venues/index.ts';
import { type Console, EXIT, type Place } from './console.ts';

export const REPLAY_HELP = `tapedeck replay FILE… --out DIR [--config FILE]
  FILE    recorded frames (.jsonl or .jsonl.gz), ours or others', or a folder of them
  --out   an empty folder for raw/, signals/ and latest/`;

/** Resolves with the exit code: 0 done, 64 bad arguments or recordings, 74 cannot write. */
export async function runReplay(
  argv: readonly string[],
  place: Place,
  io: Console,
  env: Environment,
): Promise<number> {
  const args = readArgs(argv);
  if (typeof args === 'string') {
    io.err(args);
    return EXIT.usage;
  }
  const loaded = await loadSettings({
    file: args.config,
    root: place.root,
    cwd: place.cwd,
    env,
    venues: VENUES,
    overrides: {},
  });
  if (!loaded.ok) {
    for (const problem of loaded.error) io.err(problem.text);
    return EXIT.usage;
  }
  const out = resolve(place.cwd, args.out);
  const found = await attempt(() => nodeFileOps.list(out));
  if (found.ok && found.value.length > 0) {
    io.err(`--out: expected an empty or a new folder, got ${out}`);
    return EXIT.usage;
  }
  const recordings = await findRecordings(args.files.map((file) => resolve(place.cwd, file)));
  if (!recordings.ok) {
    io.err(recordings.error.message);
    return EXIT.usage;
  }
  const errors: string[] = [];
  const said = {
    warn: (message: string) => io.err(`[WARN] ${message}`),
    fail: (message: string) => errors.push(message),
  };
  const played = await play(recordings.value, out, loaded.value.settings, said);
  for (const message of errors) io.err(message);
  if (!played.ok) {
    io.err(played.error.message);
    return played.error.code;
  }
  io.out(`[OK] replay: ${played.value.frames} frames to ${out}`);
  for (const line of summary(played.value)) io.out(line);
  return errors.length === 0 ? EXIT.ok : EXIT.io;
}

/** The error's code is to exit with. */
async function play(
  recordings: Recordings,
  out: string,
  settings: Settings,
  { warn, fail }: { warn(message: string): void; fail(message: string): void },
): Promise<Result<ReplayReport, { readonly code: number; readonly message: string }>> {
  const clock = systemClock();
  const made = await attempt(() => makeFolder(nodeFileOps, out));
  if (!made.ok) return err({ code: EXIT.io, message: `cannot write to ${out}: ${made.error.message}` });
  const onFile = (file: { readonly scope: string; readonly message: string }): void =>
    fail(`${file.scope}: ${file.message}`);
  const { flush_ms, fsync_ms, queue_mb } = settings.writer;
  // Files end where they did in the run; nobody else is held up by their compression.
  const archive = createArchive({ dataDir: out, clock, report: onFile, compress: (job) => gzipFile(job) });
  const writer = createSafeWriter({
    root: out,
    clock,
    seal: (file, day) => archive.take(file, day, 'rotation'),
    flushMs: flush_ms,
    fsyncMs: fsync_ms,
    queueBytes: queue_mb * 1024 * 1024,
    report: onFile,
  });
  const latest = createLatest({ root: out, clock, replace: replaceFile, report: onFile });
  const rejects = createRejects({ dataDir: out, clock, replace: replaceFile, onError: fail });
  const pipeline = createPipeline({
    writer,
    latest,
    clock,
    onError: (name, failure) => fail(`${name}: ${failure.message}`),
    onSignals: () => undefined,
  });
  const report = await replay(
    playRecordings(recordings, warn),
    {
      venues: venuesOf(settings),
      options: (venue) => feedOptions(settings.venues[keyOf(venue)]),
      namedSymbol: (venue, id, market) => namedSymbol(settings, venue, id, market),
      ingest: (batch) => pipeline.ingest(batch, () => undefined),
      books: pipeline.books,
      dropped: pipeline.dropped,
      tick: pipeline.tick,
      reject: (scope, reason, text, localUs) => rejects.add(scope, reason, text.slice(0, 4096), localUs),
    },
    async () => {
      do await sleep(0);
      while (pipeline.parked() > 0);
    },
  );
  await pipeline.close();
  const closed = await writer.close();
  await latest.close();
  await rejects.flush();
  await archive.settled();
  await archive.close();
  if (!closed.ok) return err({ code: EXIT.io, message: `cannot write to ${out}: ${closed.error.message}` });
  return report.ok ? ok(report.value) : err({ code: EXIT.usage, message: report.error.message });
}

function namedSymbol(settings: Settings, venue: Venue, id: string, market: Market): string | undefined {
  return settings.venues[venue.id]?.symbols.find((symbol) => {
    const located = venue.locate(symbol);
    return located?.id === id && located.market === market;
  });
}

function summary(report: ReplayReport): readonly string[] {
  const lines = Object.entries(report.venues).map(([id, { counters, symbols }]) => {
    const ignored = Object.entries(counters.ignored).map(([name, count]) => `${name} ${count}`);
    return `  ${id}: ${counters.frames} frames, ${counters.events} rows of ${symbols} symbols, ${counters.rejects} refused, ignored: ${ignored.join(', ') || 'none'}`;
  });
  const unknown = Object.entries(report.unknown).map(
    ([host, count]) => `  not a known venue: ${host} (${count})`,
  );
  return [...lines, ...unknown];
}

interface Args {
  readonly files: readonly string[];
  readonly out: string;
  readonly config: string | null;
}

function readArgs(argv: readonly string[]): Args | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { out: { type: 'string' }, config: { type: 'string' } },
      allowPositionals: true,
    });
    if (positionals.length === 0 || values.out === undefined) return REPLAY_HELP;
    return { files: positionals, out: values.out, config: values.config ?? null };
  } catch (thrown) {
    return `${failureOf(thrown).message}\n${REPLAY_HELP}`;
  }
}
