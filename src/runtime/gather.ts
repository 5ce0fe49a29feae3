/** What every part says of itself, asked for and put together into the status. */

import type { Mode, Settings } from '../../config/schema.ts';
import type { Clock } from '../core/ports.ts';
import type { Redact } from '../core/redact.ts';
import type { Failure } from '../core/result.ts';
import type { Kind } from '../io/data-dir.ts';
import type { WriterStatus } from '../io/safe-writer.ts';
import type { WebhookStatus } from '../io/webhook.ts';
import type { Governor } from './governor.ts';
import type { HealthLog } from './health-log.ts';
import type { Judge } from './hysteresis.ts';
import type { Pipeline } from './pipeline.ts';
import { type RateStats, rateStats } from './rate-stats.ts';
import { createRising } from './rising.ts';
import { buildStatus, type Status, type StatusInput, scopeKey } from './status.ts';

/** The parts, as the composition has them. */
export interface StatusSources {
  readonly clock: Clock;
  readonly redact: Redact;
  readonly version: string;
  readonly kind: Kind;
  settings(): Pick<Settings, 'health'>;
  mode(): Mode;
  /** Why some of the settings file does not hold; null: all of it does. */
  settingsError(): string | null;
  workers(): StatusInput['workers'];
  governors(): readonly Governor[];
  writer(): WriterStatus;
  failingFiles(): ReadonlyMap<string, string>;
  latest(): { readonly errors: number };
  stages(): ReturnType<Pipeline['status']>;
  ledger(): { readonly count: number; readonly last: Failure | null };
  log(): { readonly count: number; readonly last: Failure | null };
  rejects(): number;
  quarantined(): number;
  /** Why it has not passed, by venue. */
  preflightFailures(): ReadonlyMap<string, string>;
  venues(): StatusInput['venues'];
  disk(): StatusInput['disk'];
  archive(): StatusInput['archive'];
  clockStatus(): StatusInput['clock'];
}

/** What the telemetry itself knows. */
export interface Measured {
  readonly phase: StatusInput['phase'];
  readonly loopLagMs: number;
  readonly webhook: WebhookStatus | null;
}

export interface Gathered {
  readonly status: Status;
  readonly rates: RateStats;
}

export interface GatherMemory {
  readonly judge: Judge;
  readonly log: Pick<HealthLog, 'sinceUs'>;
}

/** Begins to count the uptime. */
export function createGather(
  sources: StatusSources,
  { judge, log }: GatherMemory,
): (now: Measured) => Gathered {
  const { clock } = sources;
  const startedUs = clock.wallUs();
  const startedMs = clock.monoMs();
  const rising = createRising(clock);

  return ({ phase, loopLagMs, webhook }) => {
    const disk = sources.disk();
    const clockStatus = sources.clockStatus();
    const writer = sources.writer();
    const stages = sources.stages();
    const rates = rateStats(sources.governors(), clock.wallUs());
    const rssMb = Math.round(process.memoryUsage.rss() / 1e5) / 10;
    const status = buildStatus({
      nowUs: clock.wallUs(),
      pid: process.pid,
      version: sources.version,
      startedUs,
      uptimeSec: Math.round(clock.monoMs() - startedMs) / 1000,
      mode: sources.mode(),
      kind: sources.kind,
      phase,
      levelSinceUs: log.sinceUs,
      judge,
      redact: sources.redact,
      isRising: rising.is,
      rates: rates.stats,
      preflight: sources.preflightFailures(),
      workers: sources.workers(),
      writer,
      failingFiles: sources.failingFiles(),
      disk,
      archive: sources.archive(),
      clock: clockStatus,
      quarantined: sources.quarantined(),
      venues: sources.venues(),
      host: { rss_mb: rssMb, event_loop_lag_ms: Math.round(loopLagMs) },
      whole: {
        writerError: writer.failing_files === 0 ? null : writer.last_error,
        fsyncLagMs: writer.fsync_lag_ms,
        stageErrors: rising.is('stages', stages.errors) ? stages.errors : 0,
        loopLagMs,
        rssMb,
        maxRssMb: sources.settings().health.max_rss_mb,
        diskFreeBytes: disk.disk_free_bytes,
        diskHold: disk.disk_hold,
        diskFullInSec: disk.disk_full_in_sec,
        clockStepSec: rising.is('clock', clockStatus.steps) ? clockStatus.last_step_sec : null,
        settingsError: sources.settingsError(),
      },
      webhook,
      stages: {
        ...stageFacts(stages),
        latest_errors: sources.latest().errors,
        ledger_errors: sources.ledger().count,
        log_errors: sources.log().count,
        rejects: sources.rejects(),
      },
    });
    rising.looked();
    judge.keep(new Set(status.scopes.map(scopeKey)));
    return { status, rates };
  };
}

/** The bus, its stages and its sinks, in the words of the status file. */
function stageFacts({ bus, stages, append, errors }: ReturnType<Pipeline['status']>) {
  return {
    published: bus.published,
    late: bus.late,
    errors,
    parts: [...bus.subscribers, ...stages, append].map((one) => ({
      name: one.name,
      errors: one.errors,
      report_errors: one.reportErrors,
      last_error: one.lastError?.message ?? null,
      counts: 'counts' in one ? one.counts : {},
    })),
  };
}
