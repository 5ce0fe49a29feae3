/** `collector/status.json` (DESIGN 6.4): how every part says it is, gathered, with a level and its reasons. */

import type { Batch } from '../core/batch.ts';
import type { Clock } from '../core/ports.ts';
import { seconds } from '../core/time.ts';
import type { ArchiveStatus } from '../io/archive.ts';
import type { Kind } from '../io/data-dir.ts';
import type { WriterStatus } from '../io/safe-writer.ts';
import type { ClockStatus } from './clock-watch.ts';
import type { DiskStatus } from './disk.ts';
import { type Judged, judgeWhole, judgeWorker, type Level, type WholeFacts, worst } from './health.ts';
import { createLatency } from './latency.ts';
import type { Fact, FeedStatus } from './protocol.ts';
import type { Thread } from './thread.ts';
import { createWindow } from './window.ts';

export const SCHEMA_VERSION = 1;

export type RunState = 'starting' | 'collecting' | 'degraded' | 'stopping' | 'stopped';

/** What is counted of one worker on this side of the boundary; it outlives the worker's restarts. */
export interface WorkerTally {
  batch(batch: Batch): void;
  written(rows: number): void;
  error(): void;
  /** A moment at which data could have been missed: a disconnect, a lost book, an overflow. */
  gap(fact: Fact): void;
  readonly read: () => {
    readonly eventsTotal: number;
    readonly events60s: number;
    readonly errors60s: number;
    readonly rowsWritten: number;
    readonly gaps: number;
    readonly lastEventUs: number | null;
    /** Since its arrival here, on the monotonic clock: a step of the wall clock makes nothing older or newer. */
    readonly lastEventAgeMs: number | null;
    readonly latency: { readonly p50: number | null; readonly p99: number | null };
  };
  /** Since the newest event of the symbol arrived here; null before the first. */
  symbolAgeMs(symbol: string): number | null;
}

export function createWorkerTally(clock: Clock): WorkerTally {
  const events = createWindow(60);
  const errors = createWindow(60);
  const latency = createLatency();
  let eventsTotal = 0;
  let rowsWritten = 0;
  let gaps = 0;
  let lastEventUs: number | null = null;
  let lastEventMs: number | null = null;
  const lastMsOf = new Map<string, number>();
  const ageOf = (sinceMs: number | null | undefined): number | null =>
    sinceMs === null || sinceMs === undefined ? null : clock.monoMs() - sinceMs;
  return {
    batch(batch) {
      const nowMs = clock.monoMs();
      eventsTotal += batch.events;
      events.add(batch.events, nowMs);
      lastEventUs = batch.lastLocalUs;
      lastEventMs = nowMs;
      for (const { symbol } of batch.parts) lastMsOf.set(symbol, nowMs);
      const at = (batch.events - 1) * batch.width;
      latency.add(((batch.columns[at + 2] ?? 0) - (batch.columns[at + 1] ?? 0)) / 1000);
    },
    written(rows) {
      rowsWritten += rows;
    },
    error: () => errors.add(1, clock.monoMs()),
    gap(fact) {
      // The books that a disconnect or an overflow takes with it are the same gap.
      if (fact.type === 'resync' && (fact.reason === 'disconnect' || fact.reason === 'overflow')) return;
      // A try to open a connection that is down already adds nothing to miss.
      if (fact.type === 'reconnect' && fact.was_up === false) return;
      gaps += 1;
    },
    read: () => ({
      eventsTotal,
      events60s: events.sum(clock.monoMs()),
      errors60s: errors.sum(clock.monoMs()),
      rowsWritten,
      gaps,
      lastEventUs,
      lastEventAgeMs: ageOf(lastEventMs),
      latency: latency.quantiles(),
    }),
    symbolAgeMs: (symbol) => ageOf(lastMsOf.get(symbol)),
  };
}

export interface StatusInput {
  readonly nowUs: number;
  readonly pid: number;
  readonly version: string;
  readonly startedUs: number;
  readonly uptimeSec: number;
  readonly mode: string;
  readonly kind: Kind;
  /** What the program does; `collecting` becomes `degraded` when the level is not OK. */
  readonly phase: 'starting' | 'collecting' | 'stopping' | 'stopped';
  readonly workers: readonly { readonly thread: Thread; readonly tally: WorkerTally }[];
  readonly writer: WriterStatus;
  /** Files that cannot be written now, each with its reason. */
  readonly failingFiles: ReadonlyMap<string, string>;
  readonly disk: DiskStatus;
  readonly archive: ArchiveStatus;
  readonly clock: ClockStatus;
  /** Values that could not be encoded as a row. */
  readonly quarantined: number;
  readonly venues: Readonly<Record<string, { readonly rest_ok: boolean | null }>>;
  readonly host: { readonly rss_mb: number; readonly event_loop_lag_ms: number };
  readonly whole: WholeFacts;
  /** Whether a count has grown lately: what is over must not hold the level for ever. */
  isRising(key: string, count: number): boolean;
  readonly stages: unknown;
}

export interface WorkerLine {
  readonly id: string;
  readonly level: Level;
  readonly reasons: readonly string[];
}

/** The file's object, and what the health ledger compares. */
export function buildStatus(input: StatusInput): {
  readonly object: Readonly<Record<string, unknown>>;
  readonly level: Level;
  readonly reasons: readonly string[];
  readonly workers: readonly WorkerLine[];
} {
  const lines = input.workers.map((worker) => workerLine(worker.thread, worker.tally, input));
  const whole = judgeWhole(input.whole);
  const running = input.phase === 'collecting';
  const level = worst([whole.level, ...lines.map((line) => line.judged.level)]);
  const reasons = [
    ...whole.reasons,
    ...lines.flatMap((line) => line.judged.reasons.map((reason) => `${line.object.id}: ${reason}`)),
  ];
  return {
    level,
    reasons,
    workers: lines.map((line) => ({ id: line.object.id, ...line.judged })),
    object: {
      schema_version: SCHEMA_VERSION,
      ts: seconds(input.nowUs),
      pid: input.pid,
      version: input.version,
      started_ts: seconds(input.startedUs),
      uptime_sec: input.uptimeSec,
      mode: input.mode,
      kind: input.kind,
      state: running && level !== 'OK' ? 'degraded' : input.phase,
      level,
      reasons,
      workers: lines.map((line) => line.object),
      writer: { ...input.writer, quarantined: input.quarantined, ...input.disk },
      archive: input.archive,
      clock: input.clock,
      venues: input.venues,
      host: input.host,
      stages: input.stages,
    },
  };
}

function workerLine(thread: Thread, tally: WorkerTally, input: StatusInput) {
  const { venue, feed, transport } = thread.init;
  const status = thread.status();
  const counts = tally.read();
  const lastEventAgeSec = inSeconds(counts.lastEventAgeMs);
  const lastError = status?.lastError ?? thread.lastError();
  const judged: Judged = judgeWorker({
    id: thread.id,
    feed,
    thread: thread.state(),
    down: status === null || status.state === 'waiting',
    ageSec: input.uptimeSec,
    lastEventAgeSec,
    unsynced: unsynced(status),
    dropped: input.isRising(`${thread.id} dropped`, status?.dropped ?? 0) ? (status?.dropped ?? 0) : 0,
    writeError: writeError(thread, input.failingFiles),
    captureError: captureError(thread.id, status, input),
    lastError,
  });
  const object = {
    id: thread.id,
    venue,
    feed,
    transport,
    state: thread.state() === 'running' ? (status?.state ?? 'starting') : thread.state(),
    level: judged.level,
    last_event_ts: counts.lastEventUs === null ? null : seconds(counts.lastEventUs),
    last_event_age_sec: lastEventAgeSec,
    events_total: counts.eventsTotal,
    events_60s: counts.events60s,
    rows_written: counts.rowsWritten,
    reconnects: status?.reconnects ?? 0,
    restarts: thread.restarts(),
    gaps: counts.gaps,
    resyncs: status?.resyncs ?? 0,
    rejects: status?.rejects ?? 0,
    duplicates: status?.duplicates ?? 0,
    stale: status?.stale ?? 0,
    ahead: status?.ahead ?? 0,
    ignored: status?.ignored ?? {},
    errors_60s: counts.errors60s,
    queue: status?.queued ?? 0,
    dropped: status?.dropped ?? 0,
    latency_ms: counts.latency,
    last_error: lastError,
    capture: status?.capture ?? null,
    symbols: Object.fromEntries(
      Object.entries(status?.symbols ?? {}).map(([symbol, one]) => [
        symbol,
        {
          state: one.state,
          age_sec: inSeconds(tally.symbolAgeMs(symbol)),
          resyncs: one.resyncs,
          dropped: one.dropped,
        },
      ]),
    ),
  };
  return { object, judged };
}

function writeError({ init: { feed, venue } }: Thread, failing: ReadonlyMap<string, string>): string | null {
  for (const [file, why] of failing) if (file.startsWith(`raw/${feed}-${venue}-`)) return `${file}: ${why}`;
  return null;
}

function inSeconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms) / 1000;
}

function captureError(id: string, status: FeedStatus | null, input: StatusInput): string | null {
  if (status === null || status.capture === null) return null;
  const { failing, dropped, last_error } = status.capture;
  const isLosing = input.isRising(`${id} capture`, dropped);
  if (!failing && !isLosing) return null;
  return [isLosing ? `${dropped} lines lost` : null, failing ? last_error : null].filter(Boolean).join('; ');
}

function unsynced(status: FeedStatus | null): readonly string[] {
  return Object.entries(status?.symbols ?? {})
    .filter(([, one]) => one.state === 'joining' || one.state === 'resyncing')
    .map(([symbol]) => symbol);
}
