/**
 * The collector: governors, fetcher threads, bus and stages, sinks, status. It is put together here and started;
 * what each part does stands in its own file.
 */

import type { Settings } from '../../config/schema.ts';
import { secretUrls } from '../../config/secrets.ts';
import { oneLine } from '../core/one-line.ts';
import type { Cancel, Clock, Random } from '../core/ports.ts';
import { redactor } from '../core/redact.ts';
import { err, type Failure, ok, type Result } from '../core/result.ts';
import { keyOf, type Venue } from '../core/venue.ts';
import { readText, replaceFile } from '../io/atomic.ts';
import { openAuditFile } from '../io/audit-file.ts';
import type { Kind } from '../io/data-dir.ts';
import type { FileReport } from '../io/file-ops.ts';
import type { Log } from '../io/log.ts';
import { AUDIT_BYTES, auditSecond } from './audit.ts';
import { watchClock } from './clock-watch.ts';
import { startCoverage } from './coverage.ts';
import { chainsOf, createFleet, type Fleet } from './fleet.ts';
import { openGapLedger } from './gap-ledger.ts';
import { openGovernorMemory } from './governor-memory.ts';
import { createHappenings, toAudit, toLedger, toLog } from './happenings.ts';
import { createLedger } from './ledger.ts';
import { createModes } from './modes.ts';
import type { Fact } from './protocol.ts';
import { createRollCall } from './roll-call.ts';
import { createScopedLog } from './scoped-log.ts';
import { type SettingsWatch, type SettingsWatchPort, watchSettings } from './settings-watch.ts';
import { openSinks } from './sinks.ts';
import { createStation, type Station } from './station.ts';
import { createTakeover } from './takeover.ts';
import { startTelemetry, type Telemetry } from './telemetry.ts';

export interface AppInput {
  readonly settings: Settings;
  readonly file: SettingsFile;
  /** All venues that these settings can name. */
  venuesOf(settings: Settings): readonly Venue[];
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

/** Where the settings came from, and where others are looked for while it runs. */
export interface SettingsFile extends Pick<SettingsWatchPort, 'text' | 'read' | 'load'> {
  /** Puts PROD in the place of DIAG. */
  writeProd(): Promise<Result<void>>;
}

export interface App {
  /** Connects to the venues and starts the fetchers. Fails where a venue does not list a symbol of the settings. */
  start(): Promise<Result<void, readonly string[]>>;
  stop(): Promise<Result<void>>;
}

export async function createApp(input: AppInput): Promise<Result<App>> {
  const { settings, clock, random } = input;
  let current = (): Settings => settings;
  /** Put to every text that is for people; made anew with the settings, which can name new secrets. */
  let redacted = { by: settings, redact: redactor(secretUrls(settings, input.proxy)) };
  const redact = (text: string): string => {
    if (redacted.by !== current())
      redacted = { by: current(), redact: redactor(secretUrls(current(), input.proxy)) };
    return redacted.redact(text);
  };
  const stations: Station[] = [];
  // A line is a line, whatever a venue's answer holds.
  const say = (line: string): void => input.say(oneLine(redact(line)));
  const dataDir = settings.paths.data;
  const tell = createScopedLog(
    input.log.logger,
    (id) => stations.some(({ venue }) => venue.id === id),
    redact,
  );

  const happenings = createHappenings();
  const note = (fact: Fact): void => void happenings.emit('fact', fact);
  const onFile = (report: FileReport): void => void happenings.emit('file', report);
  const onError = (scope: string, failure: Failure): void => void happenings.emit('error', scope, failure);
  const ledger = createLedger(dataDir, clock, onFile);
  toLog(happenings, tell);
  happenings.on('file', ({ type, scope, message }) => {
    if (type === 'repair') say(`REPAIR: ${scope}: ${message}`);
  });
  toLedger(happenings, ledger, redact);

  let fleet: Fleet | null = null;
  const modes = createModes(settings.runtime.mode, {
    clock,
    diagSec: () => current().runtime.diag_sec,
    setLevel: input.log.setLevel,
    openAudit: () => openAuditFile(settings.paths.logs, clock, AUDIT_BYTES),
    second: () => auditSecond(fleet?.workers() ?? [], stations),
    writeProd: input.file.writeProd,
    say,
    note,
    onError,
  });
  toAudit(happenings, modes, redact);
  const sinks = await openSinks({
    settings: () => current(),
    clock,
    report: onFile,
    note,
    compressUrl: input.compressUrl,
    onError,
    onSignals: () => {
      if (modes.mode() !== 'PROD') say('[OK] signal-writer.tick');
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
    forget: gaps.forget,
    readText,
    replace: replaceFile,
    onError,
  });
  const memory = await openGovernorMemory(dataDir, clock, onError);
  const station = (key: string, wanted: Settings): Station | null => {
    const venue = input.venuesOf(wanted).find((one) => keyOf(one) === key);
    if (venue === undefined) return null;
    return createStation(venue, wanted, {
      clock,
      proxy: input.proxy,
      redact,
      memory,
      note,
      onRequest: (line) => void happenings.emit('request', line),
      pauseSessions: (id, ms) => fleet?.pause(id, ms),
    });
  };
  for (const venue of input.venuesOf(settings)) {
    const made = station(keyOf(venue), settings);
    if (made !== null) stations.push(made);
  }
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
    onReject: (scope, reason) => void happenings.emit('reject', scope, reason),
    isTracing: () => modes.mode() !== 'PROD',
    onWay: (way) => void happenings.emit('batch', way),
  });
  fleet = threads;
  const rollCall = createRollCall({ stations, clock, random, kind: input.kind, dataDir, say, note, onError });
  const takeover = createTakeover(settings, {
    stations,
    fleet: threads,
    rollCall,
    station,
    onMode: modes.set,
    say,
    note,
  });
  current = takeover.settings;
  let ticks: Cancel = () => undefined;
  let watch: SettingsWatch | null = null;

  const telemetry: Telemetry = startTelemetry({
    dataDir,
    clock,
    redact,
    version: input.version,
    kind: input.kind,
    settings: takeover.settings,
    settingsError: takeover.error,
    mode: modes.mode,
    workers: threads.workers,
    governors: () => stations.map((one) => one.governor),
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
      for (const one of stations) threads.start(one);
      const ids = threads.workers().map(({ thread }) => thread.id);
      say(`[START] collector with ${ids.length} threads: ${ids.join(', ')}`);
      ticks = clock.every(1_000, () => pipeline.tick(clock.wallUs()));
      telemetry.phase('collecting');
      watch = watchSettings({
        ...input.file,
        clock,
        onProblem: takeover.refuse,
        async onSettings(next) {
          await takeover.apply(next);
          telemetry.soon();
        },
      });
      return ok(undefined);
    },
    async stop() {
      telemetry.phase('stopping');
      ticks();
      await watch?.stop();
      clockWatch.stop();
      await rollCall.stop();
      await threads.stop();
      // Past the builder's grace: what the last seconds gave is judged too.
      pipeline.tick(Number.POSITIVE_INFINITY);
      const closed = await sinks.value.close();
      for (const one of stations) one.close();
      await memory.settled();
      if (!closed.ok) onError('writer', closed.error);
      note({ type: 'stop', scope: 'collector' });
      await modes.stop();
      await telemetry.stop();
      await coverage.stop();
      await gaps.settled();
      await ledger.settled();
      await input.log.close();
      return closed;
    },
  });
}
