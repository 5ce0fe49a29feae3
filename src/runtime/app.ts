/**
 * The collector: governors, fetcher threads, bus and stages, sinks, status. It is put together here and started;
 * what each part does stands in its own file.
 */

import type { Settings } from '../../config/schema.ts';
import { secretUrls } from '../../config/secrets.ts';
import type { Cancel, Clock, Random } from '../core/ports.ts';
import { redactAll, redactor } from '../core/redact.ts';
import { err, type Failure, ok, type Result } from '../core/result.ts';
import type { Venue } from '../core/venue.ts';
import { readText, replaceFile } from '../io/atomic.ts';
import type { Kind } from '../io/data-dir.ts';
import type { FileReport } from '../io/file-ops.ts';
import type { Log } from '../io/log.ts';
import { watchClock } from './clock-watch.ts';
import { startCoverage } from './coverage.ts';
import { chainsOf, createFleet, type Fleet } from './fleet.ts';
import { openGapLedger } from './gap-ledger.ts';
import { openGovernorMemory } from './governor-memory.ts';
import { createLedger } from './ledger.ts';
import type { Fact } from './protocol.ts';
import { createRollCall } from './roll-call.ts';
import { createScopedLog } from './scoped-log.ts';
import { openSinks } from './sinks.ts';
import { createStation } from './station.ts';
import { startTelemetry, type Telemetry } from './telemetry.ts';

export interface AppInput {
  readonly settings: Settings;
  readonly venues: readonly Venue[];
  readonly kind: Kind;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetcherUrl: URL;
  readonly compressUrl: URL;
  readonly proxy: string | undefined;
  readonly log: Log;
  /** A line that operators look for. */
  say(line: string): void;
}

export interface App {
  /** Connects to the venues and starts the fetchers. Fails where a venue does not list a symbol of the settings. */
  start(): Promise<Result<void, readonly string[]>>;
  stop(): Promise<Result<void>>;
}

export async function createApp(input: AppInput): Promise<Result<App>> {
  const { settings, clock, random } = input;
  // Put to every text that is for people.
  const redact = redactor(secretUrls(settings, input.proxy));
  // A line is a line, whatever a venue's answer holds.
  const say = (line: string): void => input.say(redact(line).replace(/\p{Cc}+/gu, ' '));
  const dataDir = settings.paths.data;
  const ids = input.venues.map(({ id }) => id);
  const tell = createScopedLog(input.log.logger, ids, redact);
  const isDebug = settings.runtime.mode !== 'PROD';

  const ledger = createLedger(dataDir, clock, (report) => onFile(report));
  const note = (given: Fact): void => {
    const fact = redactAll(given, redact);
    ledger.note(fact);
    tell('info', fact, fact.type);
  };
  const onFile = (report: FileReport): void => {
    tell('warn', report, 'file');
    if (report.type === 'repair') say(`REPAIR: ${report.scope}: ${report.message}`);
    // The ledger's own repair is not noted in itself while it is being written.
    if (!report.scope.endsWith('events.jsonl')) note({ ...report, scope: 'collector', file: report.scope });
  };
  const onError = (scope: string, failure: Failure): void => {
    tell('error', { scope, ...failure }, 'error');
    note({ type: 'error', scope, code: failure.code, message: failure.message });
  };

  let fleet: Fleet | null = null;
  const sinks = await openSinks({
    settings,
    clock,
    report: onFile,
    note,
    compressUrl: input.compressUrl,
    onError,
    onSignals: () => {
      if (isDebug) say('[OK] signal-writer.tick');
    },
    // The disk can be full before there are threads.
    onNewFile: (file, reason) => fleet?.rotate(file, reason),
    onHold(holding) {
      note({ type: holding ? 'disk_full' : 'disk_free', scope: 'collector' });
      fleet?.hold(holding);
    },
  });
  if (!sinks.ok) return sinks;
  say('[OK] contract: SafeWriter');
  const { pipeline, writer, archive, latest, rejects, quarantine, disk } = sinks.value;
  const clockWatch = watchClock({ clock, everyMs: 1_000, note });
  for (const name of pipeline.subscribers) say(`[OK] subscribed: ${name}`);

  const gaps = await openGapLedger({ dataDir, clock, onReport: onFile, onError });
  const coverage = await startCoverage({
    dataDir,
    clock,
    chains: () => chainsOf(fleet?.workers() ?? []),
    gaps: gaps.times,
    readText,
    replace: replaceFile,
    onError,
  });
  const memory = await openGovernorMemory(dataDir, clock, onError);
  const stations = input.venues.flatMap(
    (venue) =>
      createStation(venue, settings, {
        clock,
        proxy: input.proxy,
        redact,
        memory,
        note,
        pauseSessions: (id, ms) => fleet?.pause(id, ms),
      }) ?? [],
  );
  const threads = createFleet({
    clock,
    random,
    url: input.fetcherUrl,
    sinks: sinks.value,
    gaps,
    coverage,
    capture: { dataDir, version: input.version },
    isHeld: sinks.value.isHeld,
    note,
    // Counted in the status, with samples on disk: a line each could fill the log.
    onReject: (scope, reason) => tell('debug', { scope, reason }, 'reject'),
  });
  fleet = threads;
  const rollCall = createRollCall({ stations, clock, random, kind: input.kind, dataDir, say, note, onError });
  let ticks: Cancel = () => undefined;

  const telemetry: Telemetry = startTelemetry({
    dataDir,
    clock,
    redact,
    version: input.version,
    kind: input.kind,
    settings,
    workers: threads.workers,
    governors: stations.map((one) => one.governor),
    writer: () => writer.status(),
    failingFiles: () => writer.failing(),
    latest: () => latest.status(),
    stages: () => pipeline.status(),
    ledger: () => ({
      count: ledger.errors().count + gaps.errors().count,
      last: gaps.errors().last ?? ledger.errors().last,
    }),
    log: () => input.log.errors(),
    rejects: () => rejects.total(),
    quarantined: () => quarantine.status().count,
    preflightFailures: rollCall.failures,
    venues: rollCall.venues,
    disk: () => disk.status(),
    archive: () => archive.status(),
    clockStatus: clockWatch.status,
    makeRoom: sinks.value.failed,
    note,
    say,
    onError,
  });

  return ok({
    async start() {
      note({ type: 'start', scope: 'collector', kind: input.kind, version: input.version, pid: process.pid });
      telemetry.phase('starting');
      const unlisted = await rollCall.first();
      if (unlisted.length > 0) return err(unlisted);
      for (const station of stations) threads.start(station);
      const ids = threads.workers().map(({ thread }) => thread.id);
      say(`[START] collector with ${ids.length} threads: ${ids.join(', ')}`);
      ticks = clock.every(1_000, () => pipeline.tick(clock.wallUs()));
      telemetry.phase('collecting');
      return ok(undefined);
    },
    async stop() {
      telemetry.phase('stopping');
      ticks();
      clockWatch.stop();
      await rollCall.stop();
      await threads.stop();
      // Past the builder's grace: what the last seconds gave is judged too.
      pipeline.tick(Number.POSITIVE_INFINITY);
      const closed = await sinks.value.close();
      for (const one of stations) {
        one.governor.close();
        one.http.close();
      }
      await memory.settled();
      if (!closed.ok) onError('writer', closed.error);
      note({ type: 'stop', scope: 'collector' });
      await telemetry.stop();
      await coverage.stop();
      await gaps.settled();
      await ledger.settled();
      await input.log.close();
      return closed;
    },
  });
}
