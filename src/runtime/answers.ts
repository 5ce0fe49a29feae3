/** What the endpoints give (`io/endpoint.ts`): all of it from the newest look at the status. */

import type { Answer } from '../io/endpoint.ts';
import { LEAST_FREE_BYTES } from './health.ts';
import { CONTENT_TYPE, renderMetrics } from './metrics.ts';
import type { RateStats } from './rate-stats.ts';
import type { StatusObject } from './status.ts';

/** The newest look. */
export interface View {
  readonly status: StatusObject;
  readonly rates: RateStats;
  /** How long ago, ms. */
  readonly ageMs: number;
}

/** Looks are a second apart: when one is so late, the main thread does not turn as it should. */
const ALIVE_MS = 15_000;

export function answers(view: () => View | null): Readonly<Record<string, () => Answer | Promise<Answer>>> {
  /** 503 before the first look, which is within moments. */
  const from = (give: (view: View) => Answer | Promise<Answer>) => () => {
    const now = view();
    return now === null ? json(503, { error: 'nothing is known yet' }) : give(now);
  };
  return {
    '/metrics': from(async ({ status, rates }) => ({
      status: 200,
      type: CONTENT_TYPE,
      body: await renderMetrics(status, rates),
    })),
    '/livez': from(({ ageMs, status }) => {
      const alive = ageMs < ALIVE_MS;
      return json(alive ? 200 : 503, {
        alive,
        looked_sec: Math.round(ageMs) / 1000,
        event_loop_lag_ms: status.host.event_loop_lag_ms,
      });
    }),
    '/readyz': from(({ status }) => {
      const checks = readiness(status);
      const ready = Object.values(checks).every(Boolean);
      return json(ready ? 200 : 503, { ready, ...checks });
    }),
    '/healthz': from(({ status: { ts, state, level, level_since_ts, reasons } }) =>
      json(level === 'CRIT' ? 503 : 200, { ts, state, level, level_since_ts, reasons }),
    ),
    '/status': from(({ status }) => json(200, status)),
  };
}

function readiness({ state, writer, workers }: StatusObject) {
  return {
    // It is taken before the start and given back after the stop.
    lock: state !== 'stopped',
    collecting: state === 'collecting' || state === 'degraded',
    disk: writer.failing_files === 0 && (writer.disk_free_bytes ?? LEAST_FREE_BYTES) >= LEAST_FREE_BYTES,
    flowing: workers.some(({ last_event_age_sec: age, late_sec: late }) => age !== null && age <= late),
  };
}

function json(status: number, body: unknown): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(body)}\n` };
}
