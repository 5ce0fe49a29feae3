/** `collector/status.json` (DESIGN 6.4): how every part says it is, gathered, with a level and its reasons. */

import { seconds } from '../core/time.ts';
import type { ArchiveStatus } from '../io/archive.ts';
import type { Kind } from '../io/data-dir.ts';
import type { WriterStatus } from '../io/safe-writer.ts';
import type { WebhookStatus } from '../io/webhook.ts';
import type { ClockStatus } from './clock-watch.ts';
import type { DiskStatus } from './disk.ts';
import { WHOLE_RULES, type WholeFacts } from './health.ts';
import { type Judged, type Level, worst } from './level.ts';
import type { VenueState } from './roll-call.ts';
import {
  judgeVenue,
  judgeWorker,
  type SymbolVerdict,
  type VerdictInput,
  type Watched,
  type WorkerVerdict,
} from './verdicts.ts';

export const SCHEMA_VERSION = 1;

export type RunState = 'starting' | 'collecting' | 'degraded' | 'stopping' | 'stopped';

export interface StatusInput extends VerdictInput {
  readonly nowUs: number;
  readonly pid: number;
  readonly version: string;
  readonly startedUs: number;
  readonly mode: string;
  readonly kind: Kind;
  /** What the program does; `collecting` becomes `degraded` when the level is not OK. */
  readonly phase: 'starting' | 'collecting' | 'stopping' | 'stopped';
  /** When the whole came to this level, which can be now; µs. */
  levelSinceUs(level: Level): number;
  readonly workers: readonly Watched[];
  readonly writer: WriterStatus;
  readonly disk: DiskStatus;
  readonly archive: ArchiveStatus;
  readonly clock: ClockStatus;
  /** Values that could not be encoded as a row. */
  readonly quarantined: number;
  readonly venues: Readonly<Record<string, VenueState>>;
  readonly host: { readonly rss_mb: number; readonly event_loop_lag_ms: number };
  readonly whole: WholeFacts;
  /** Null: there is none. */
  readonly webhook: WebhookStatus | null;
  readonly stages: StageFacts;
}

export interface StageFacts {
  readonly errors: number;
  readonly latest_errors: number;
  readonly ledger_errors: number;
  readonly log_errors: number;
  readonly rejects: number;
  readonly [key: string]: unknown;
}

/** One thing that has a level: `collector`, a venue, a worker, or a symbol of one. */
export interface Scope extends Judged {
  readonly scope: string;
  readonly symbol?: string;
}

/** One name for each scope: of a symbol with its feed's. */
export const scopeKey = ({ scope, symbol }: Pick<Scope, 'scope' | 'symbol'>): string =>
  symbol === undefined ? scope : `${scope} ${symbol}`;

export interface Status extends Judged {
  /** The file's object. */
  readonly object: StatusObject;
  /** Everything that has a level, the whole last. */
  readonly scopes: readonly Scope[];
}

export type StatusObject = ReturnType<typeof statusObject>;

export function buildStatus(input: StatusInput): Status {
  const workers = input.workers.map((watched) => ({ watched, verdict: judgeWorker(watched, input) }));
  const venues = Object.entries(input.venues).map(([id, facts]) => {
    const own = judgeVenue(id, facts, input);
    const feeds = workers
      .filter(({ watched }) => watched.thread.init.venue === id)
      .map(({ watched, verdict }) => ({ name: watched.thread.init.feed, ...verdict }));
    return { id, facts, own, judged: together(own, feeds) };
  });
  const own = input.judge.judge('collector', WHOLE_RULES, input.whole);
  const parts = [
    ...venues.map(({ id, own }) => ({ name: id, ...own })),
    ...workers.map(({ watched, verdict }) => ({ name: watched.thread.id, ...verdict })),
  ];
  const whole = together(own, parts);
  return {
    ...whole,
    scopes: [
      ...workers.flatMap(({ watched, verdict }) => scopesOf(watched.thread.id, verdict)),
      ...venues.map(({ id, judged: { level, reasons } }) => ({ scope: id, level, reasons })),
      { scope: 'collector', ...whole },
    ],
    object: statusObject(
      input,
      whole,
      workers.map(({ watched, verdict }) => workerLine(watched, verdict)),
      Object.fromEntries(venues.map(({ id, facts, judged }) => [id, { ...facts, ...judged }])),
    ),
  };
}

/** The worst level; the own reasons, then those of the parts, each with its name. */
function together(own: Judged, parts: readonly ({ readonly name: string } & Judged)[]): Judged {
  return {
    level: worst([own.level, ...parts.map((part) => part.level)]),
    reasons: [
      ...own.reasons,
      ...parts.flatMap(({ name, reasons }) => reasons.map((reason) => `${name}: ${reason}`)),
    ],
  };
}

function scopesOf(id: string, { level, reasons, symbols }: WorkerVerdict): readonly Scope[] {
  return [
    ...symbols.map((one) => ({ scope: id, symbol: one.symbol, level: one.level, reasons: one.reasons })),
    { scope: id, level, reasons },
  ];
}

function statusObject(
  input: StatusInput,
  { level, reasons }: Judged,
  workers: readonly ReturnType<typeof workerLine>[],
  venues: Readonly<Record<string, StatusInput['venues'][string] & Judged>>,
) {
  const state: RunState = input.phase === 'collecting' && level !== 'OK' ? 'degraded' : input.phase;
  return {
    schema_version: SCHEMA_VERSION,
    ts: seconds(input.nowUs),
    pid: input.pid,
    version: input.version,
    started_ts: seconds(input.startedUs),
    uptime_sec: input.uptimeSec,
    mode: input.mode,
    kind: input.kind,
    state,
    level,
    level_since_ts: seconds(input.levelSinceUs(level)),
    reasons,
    workers,
    writer: { ...input.writer, quarantined: input.quarantined, ...input.disk },
    archive: input.archive,
    clock: input.clock,
    venues,
    host: input.host,
    webhook: input.webhook,
    stages: input.stages,
  };
}

function workerLine({ thread, tally }: Watched, verdict: WorkerVerdict) {
  const { venue, feed, transport } = thread.init;
  const status = thread.status();
  const counts = tally.read();
  const state: string = thread.state() === 'running' ? (status?.state ?? 'starting') : thread.state();
  return {
    id: thread.id,
    venue,
    feed,
    transport,
    state,
    fallback: status?.fallback ?? false,
    level: verdict.level,
    reasons: verdict.reasons,
    last_event_ts: counts.lastEventUs === null ? null : seconds(counts.lastEventUs),
    last_event_age_sec: verdict.ageSec,
    late_sec: verdict.lateSec,
    frames: status?.frames ?? 0,
    events_total: counts.eventsTotal,
    events_60s: counts.events60s,
    rows_written: counts.rowsWritten,
    reconnects: status?.reconnects ?? 0,
    restarts: thread.restarts(),
    gaps: counts.gaps,
    gaps_open: status?.gapsOpen ?? 0,
    resyncs: status?.resyncs ?? 0,
    rejects: status?.rejects ?? 0,
    untold: status?.untold ?? 0,
    duplicates: status?.duplicates ?? 0,
    stale: status?.stale ?? 0,
    ahead: status?.ahead ?? 0,
    ignored: status?.ignored ?? {},
    errors_60s: counts.errors60s,
    queue: status?.queued ?? 0,
    dropped: status?.dropped ?? 0,
    latency_ms: counts.latency,
    last_error: verdict.lastError,
    capture: status?.capture ?? null,
    symbols: Object.fromEntries(verdict.symbols.map((one) => [one.symbol, symbolLine(one)])),
  };
}

function symbolLine({ status, level, ageSec, lateSec }: SymbolVerdict) {
  return {
    state: status.state,
    level,
    age_sec: ageSec,
    late_sec: lateSec,
    resyncs: status.resyncs,
    dropped: status.dropped,
    backfilled: status.backfilled,
    missing: status.missing,
    ...(status.error !== undefined && { error: status.error }),
  };
}
