/** What stands in the audit of DIAG each second: every worker, every venue's budget, and the process itself. */

import type { FleetWorker } from './fleet.ts';
import type { Station } from './station.ts';

/** More than five minutes of thousands of messages a second need. */
export const AUDIT_BYTES = 256 * 1024 * 1024;

/** Counts are since the start, as in `status.json`: the difference of two lines is what came in that second. */
export function auditSecond(
  workers: readonly FleetWorker[],
  stations: readonly Station[],
): Readonly<Record<string, unknown>> {
  return {
    workers: workers.map(({ thread, tally }) => ({
      id: thread.id,
      state: thread.state(),
      restarts: thread.restarts(),
      ...tally.read(),
      feed: thread.status(),
    })),
    venues: Object.fromEntries(stations.map(({ governor }) => [governor.venue, governor.stats()])),
    memory: process.memoryUsage(),
    cpu: process.cpuUsage(),
    handles: countsOf(process.getActiveResourcesInfo()),
    loop: performance.eventLoopUtilization(),
  };
}

function countsOf(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
