/** The status files, written on time: `status.json`, `rate_stats.json`, and changes of health to the ledger. */

import { join } from 'node:path';
import type { Clock } from '../core/ports.ts';
import type { Failure } from '../core/result.ts';
import { replaceFile } from '../io/atomic.ts';
import type { Kind } from '../io/data-dir.ts';
import type { WriterStatus } from '../io/safe-writer.ts';
import type { Governor } from './governor.ts';
import type { Level } from './health.ts';
import type { Pipeline } from './pipeline.ts';
import type { Fact } from './protocol.ts';
import { createThrottleWatch, rateStats } from './rate-stats.ts';
import { createRising } from './rising.ts';
import { buildStatus, type StatusInput } from './status.ts';

/** DESIGN 6.4: both files at least this often. */
const EVERY_MS = 5_000;
/** The status is also written soon after a change of level. */
const LOOK_MS = 1_000;
const LAG_MS = 100;

export interface TelemetryInput {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly version: string;
  readonly kind: Kind;
  readonly mode: string;
  workers(): StatusInput['workers'];
  readonly governors: readonly Governor[];
  writer(): WriterStatus;
  failingFiles(): ReadonlyMap<string, string>;
  latest(): { readonly errors: number };
  stages(): ReturnType<Pipeline['status']>;
  ledger(): { readonly count: number; readonly last: Failure | null };
  log(): { readonly count: number; readonly last: Failure | null };
  rejects(): number;
  quarantined(): number;
  preflightFailures(): readonly string[];
  restOk(): StatusInput['venues'];
  disk(): StatusInput['disk'];
  archive(): StatusInput['archive'];
  clockStatus(): StatusInput['clock'];
  /** A status file could not be written. True when there is room for another try. */
  makeRoom(code: string): Promise<boolean>;
  note(fact: Fact): void;
  onError(scope: string, failure: Failure): void;
}

export interface Telemetry {
  phase(phase: StatusInput['phase']): void;
  /** Writes the last status, as `stopped`. */
  stop(): Promise<void>;
}

export function startTelemetry(input: TelemetryInput): Telemetry {
  const { clock, dataDir } = input;
  const startedUs = clock.wallUs();
  const startedMs = clock.monoMs();
  const levels = new Map<string, Level>();
  let phase: StatusInput['phase'] = 'starting';
  let lagMs = 0;
  let lastWriteMs = Number.NEGATIVE_INFINITY;
  let writing: Promise<void> = Promise.resolve();

  let expectedMs = clock.monoMs() + LAG_MS;
  const stopLag = clock.every(LAG_MS, () => {
    const now = clock.monoMs();
    lagMs = Math.max(lagMs, now - expectedMs);
    expectedMs = now + LAG_MS;
  });

  const isRising = createRising(clock);
  const watchThrottle = createThrottleWatch(input.note);

  const build = () => {
    const writer = input.writer();
    const stages = input.stages();
    return buildStatus({
      nowUs: clock.wallUs(),
      pid: process.pid,
      version: input.version,
      startedUs,
      uptimeSec: Math.round(clock.monoMs() - startedMs) / 1000,
      mode: input.mode,
      kind: input.kind,
      phase,
      isRising,
      workers: input.workers(),
      writer,
      failingFiles: input.failingFiles(),
      disk: input.disk(),
      archive: input.archive(),
      clock: input.clockStatus(),
      quarantined: input.quarantined(),
      venues: input.restOk(),
      host: {
        rss_mb: Math.round(process.memoryUsage.rss() / 1e5) / 10,
        event_loop_lag_ms: Math.round(lagMs),
      },
      whole: {
        writerError: writer.failing_files === 0 ? null : writer.last_error,
        fsyncLagMs: writer.fsync_lag_ms,
        stageErrors: isRising('stages', stages.errors) ? stages.errors : 0,
        loopLagMs: lagMs,
        preflight: input.preflightFailures(),
      },
      stages: {
        ...stageFacts(stages),
        latest_errors: input.latest().errors,
        ledger_errors: input.ledger().count,
        log_errors: input.log().count,
        rejects: input.rejects(),
      },
    });
  };

  /** Changes of level go to the ledger; a first level that is OK is no change. */
  const noteChanges = (status: ReturnType<typeof build>): boolean => {
    let changed = false;
    const compare = (scope: string, to: Level, reasons: readonly string[]): void => {
      const from = levels.get(scope) ?? 'OK';
      levels.set(scope, to);
      if (from === to) return;
      changed = true;
      input.note({ type: 'health', scope, from, to, reason: reasons.join('; ') });
    };
    for (const worker of status.workers) compare(worker.id, worker.level, worker.reasons);
    compare('collector', status.level, status.reasons);
    return changed;
  };

  const write = async (status: ReturnType<typeof build>): Promise<void> => {
    const rates = rateStats(input.governors, clock.wallUs());
    watchThrottle(rates.stats);
    const files = [
      ['status.json', status.object],
      ['rate_stats.json', rates],
    ] as const;
    for (const [name, object] of files) {
      const put = () => replaceFile(join(dataDir, 'collector', name), `${JSON.stringify(object)}\n`);
      const first = await put();
      const result = first.ok || !(await input.makeRoom(first.error.code)) ? first : await put();
      if (!result.ok) input.onError(`collector/${name}`, result.error);
    }
  };

  const writeNow = (status: ReturnType<typeof build>): void => {
    lastWriteMs = clock.monoMs();
    lagMs = 0;
    writing = writing.then(() => write(status));
  };

  const look = (): void => {
    const status = build();
    const changed = noteChanges(status);
    if (changed || clock.monoMs() - lastWriteMs >= EVERY_MS - LOOK_MS / 2) writeNow(status);
  };

  const stopLook = clock.every(LOOK_MS, look);
  return {
    phase(next) {
      phase = next;
      writeNow(build());
    },
    async stop() {
      stopLook();
      stopLag();
      phase = 'stopped';
      writeNow(build());
      await writing;
    },
  };
}

/** The bus, its stages and its sinks, in the words of the status file. */
function stageFacts({ bus, stages, errors }: ReturnType<Pipeline['status']>) {
  return {
    published: bus.published,
    late: bus.late,
    errors,
    parts: [...bus.subscribers, ...stages].map((one) => ({
      name: one.name,
      errors: one.errors,
      last_error: one.lastError?.message ?? null,
      counts: 'counts' in one ? one.counts : {},
    })),
  };
}
