/** What the health command reads: the status files, and whether the process behind them is there. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import type { Level } from '../runtime/level.ts';

/** Written every 5 s. */
const OLD_SEC = 15;

const level = z.enum(['OK', 'WARN', 'CRIT']);
const worker = z.looseObject({
  id: z.string(),
  venue: z.string(),
  feed: z.string(),
  state: z.string(),
  level,
  reasons: z.array(z.string()),
  last_event_age_sec: z.number().nullable(),
  events_60s: z.number(),
});
const statusFile = z.looseObject({
  ts: z.number(),
  pid: z.int().positive(),
  uptime_sec: z.number(),
  kind: z.string(),
  state: z.string(),
  level,
  level_since_ts: z.number(),
  reasons: z.array(z.string()),
  workers: z.array(worker),
  venues: z.record(z.string(), z.looseObject({ level, reasons: z.array(z.string()) })),
  writer: z.looseObject({ fsync_lag_ms: z.number(), disk_free_bytes: z.number().nullable() }),
  host: z.looseObject({ rss_mb: z.number(), event_loop_lag_ms: z.number() }),
});
const ratesFile = z.looseObject({
  stats: z.record(
    z.string(),
    z.looseObject({
      rpm_60s: z.number(),
      rpm_300s: z.number(),
      err_60s: z.number(),
      throttle: z.boolean(),
    }),
  ),
});

/** What is read of the files; more stands in them. */
export type StatusRead = z.infer<typeof statusFile>;
export type RatesRead = z.infer<typeof ratesFile>;

export interface Health {
  readonly level: Level;
  /** False: the rest of it is of a collector that is gone, or hangs. */
  readonly running: boolean;
  /** When it came to this level, epoch seconds; of one that does not run, its last word; null: never. */
  readonly since_ts: number | null;
  readonly reasons: readonly string[];
  readonly status: StatusRead | null;
  readonly rates: RatesRead | null;
}

/** By the files in `folder`, as of `nowSec` (epoch seconds). */
export async function readHealth(folder: string, nowSec: number): Promise<Health> {
  const read = await readJson(join(folder, 'collector', 'status.json'), statusFile);
  const rates = await readJson(join(folder, 'collector', 'rate_stats.json'), ratesFile);
  if (!read.ok) {
    const missing = read.error.code === 'ENOENT';
    const why = missing ? `nothing has recorded into ${folder}` : `status.json: ${read.error.message}`;
    return { level: 'CRIT', running: false, since_ts: null, reasons: [why], status: null, rates: null };
  }
  const status = read.value;
  const gone = goneReason(status, nowSec);
  return {
    level: gone === null ? status.level : 'CRIT',
    running: gone === null,
    since_ts: gone === null ? status.level_since_ts : status.ts,
    reasons: gone === null ? status.reasons : [gone],
    status,
    rates: rates.ok ? rates.value : null,
  };
}

/** Why the status is none of a collector that runs now; null when it is. */
function goneReason({ state, pid, ts }: StatusRead, nowSec: number): string | null {
  const ageSec = Math.round(nowSec - ts);
  if (state === 'stopped') return `it was stopped in order, ${ageSec} s ago`;
  if (!isAlive(pid)) return `the process ${pid} is gone; its last word is ${ageSec} s old`;
  if (Math.abs(ageSec) <= OLD_SEC) return null;
  return `process ${pid} is there, and its status is ${ageSec} s old: it hangs, or is another program by now`;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    // One that is not ours to signal is there all the same.
    return failureOf(thrown).code === 'EPERM';
  }
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<Result<T>> {
  try {
    const parsed = schema.safeParse(JSON.parse(await readFile(path, 'utf8')));
    if (parsed.success) return ok(parsed.data);
    const [issue] = parsed.error.issues;
    return err(failure('shape', `${issue?.path.join('.')}: ${issue?.message}`, 'never'));
  } catch (thrown) {
    return err(failureOf(thrown));
  }
}
