/**
 * `/metrics`: what the status files say, in the words of Prometheus (base units, `_total` for what only grows). Made at
 * each scrape from the same objects, so that nothing is counted twice.
 */

import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, Registry } from 'prom-client';
import { rank } from './level.ts';
import type { RateStats, VenueRateStats } from './rate-stats.ts';
import type { StatusObject } from './status.ts';

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [labels: Labels, value: number | null];

interface Metric<T> {
  readonly name: string;
  readonly help: string;
  /** Null: not known, and left out. */
  readonly value: (of: T) => number | null;
}

type Worker = StatusObject['workers'][number];
type Symbols = Worker['symbols'][string];
type VenueStatus = StatusObject['venues'][string];

const metric = <T>(name: string, help: string, value: Metric<T>['value']): Metric<T> => ({
  name,
  help,
  value,
});
const flag = (is: boolean | null): number | null => (is === null ? null : Number(is));
const perMs = (ms: number | null): number | null => (ms === null ? null : ms / 1000);

const WHOLE: readonly Metric<StatusObject>[] = [
  metric('level', 'Health of the whole: 0 OK, 1 WARN, 2 CRIT.', (s) => rank(s.level)),
  metric('level_since_timestamp_seconds', 'When the whole came to its level.', (s) => s.level_since_ts),
  metric('start_timestamp_seconds', 'When the collector was started.', (s) => s.started_ts),
  metric('status_timestamp_seconds', 'When these numbers were gathered.', (s) => s.ts),
  metric('up', 'Whether it collects; 0 while it starts or stops.', (s) =>
    flag(s.state === 'collecting' || s.state === 'degraded'),
  ),
  metric('written_rows_total', 'Rows written to their files.', (s) => s.writer.rows),
  metric('written_bytes_total', 'Bytes written to CSV files.', (s) => s.writer.bytes),
  metric('lost_rows_total', 'Rows that were given up.', (s) => s.writer.rows_lost),
  metric(
    'quarantined_values_total',
    'Values that could not be encoded as a row.',
    (s) => s.writer.quarantined,
  ),
  metric('write_errors_total', 'Writes and fsyncs that failed.', (s) => s.writer.errors),
  metric('failing_files', 'Files that cannot be written now.', (s) => s.writer.failing_files),
  metric('open_files', 'CSV files that are open.', (s) => s.writer.open_files),
  metric('write_queue_bytes', 'Rows that wait to be written.', (s) => s.writer.queue_bytes),
  metric(
    'fsync_lag_seconds',
    'Age of the oldest byte that is not on disk.',
    (s) => s.writer.fsync_lag_ms / 1000,
  ),
  metric('disk_free_bytes', 'Room where the data is.', (s) => s.writer.disk_free_bytes),
  metric('resident_memory_bytes', 'Memory of the process.', (s) => s.host.rss_mb * 1e6),
  metric(
    'event_loop_lag_seconds',
    'Longest hold of the main thread of the last seconds.',
    (s) => s.host.event_loop_lag_ms / 1000,
  ),
  metric('stage_errors_total', 'Batches that failed in a stage or a sink.', (s) => s.stages.errors),
  metric(
    'latest_errors_total',
    'Files of latest/ that could not be replaced.',
    (s) => s.stages.latest_errors,
  ),
  metric(
    'ledger_errors_total',
    'Lines of events.jsonl that could not be written.',
    (s) => s.stages.ledger_errors,
  ),
  metric('log_errors_total', 'Lines of the log that could not be written.', (s) => s.stages.log_errors),
  metric('webhook_sent_total', 'Changes of level that the webhook took.', (s) => s.webhook?.sent ?? null),
  metric(
    'webhook_failed_total',
    'Changes of level that the webhook did not take.',
    (s) => s.webhook?.failed ?? null,
  ),
  metric('webhook_dropped_total', 'Changes of level that were not sent.', (s) => s.webhook?.dropped ?? null),
];

const FEED: readonly Metric<Worker>[] = [
  metric('feed_level', 'Health of a feed: 0 OK, 1 WARN, 2 CRIT.', (w) => rank(w.level)),
  metric('feed_up', 'Whether a connection of the feed is open.', (w) =>
    flag(w.state === 'collecting' || w.state === 'connecting'),
  ),
  metric('last_event_timestamp_seconds', 'Receipt of the newest event.', (w) => w.last_event_ts),
  metric('last_event_age_seconds', 'Time since the newest event.', (w) => w.last_event_age_sec),
  metric('frames_total', 'Frames received.', (w) => w.frames),
  metric('events_total', 'Events made of them.', (w) => w.events_total),
  metric('rows_total', 'Rows handed to their files.', (w) => w.rows_written),
  metric('reconnects_total', 'Connections that were opened again.', (w) => w.reconnects),
  metric('restarts_total', 'Threads that were started again.', (w) => w.restarts),
  metric('resyncs_total', 'Books that were lost and joined anew.', (w) => w.resyncs),
  metric('gaps_total', 'Gaps that were found.', (w) => w.gaps),
  metric('gaps_open', 'Gaps that have not ended.', (w) => w.gaps_open),
  metric('backfilled_total', 'Trades that were fetched later.', (w) => sumOf(w, 'backfilled')),
  metric('missing_total', 'Trades that are known to be missing.', (w) => sumOf(w, 'missing')),
  metric('rejects_total', 'Frames that were refused.', (w) => w.rejects),
  metric('duplicates_total', 'Trades that had been seen before.', (w) => w.duplicates),
  metric('ahead_total', 'Events more than a second ahead of our clock.', (w) => w.ahead),
  metric('dropped_total', 'Events lost because the disk did not keep up.', (w) => w.dropped),
  metric('queue_depth', 'Events that wait in the thread.', (w) => w.queue),
  metric('receive_latency_p50_seconds', 'Receipt minus the time of the venue, median.', (w) =>
    perMs(w.latency_ms.p50),
  ),
  metric('receive_latency_p99_seconds', 'The same, 99th percentile.', (w) => perMs(w.latency_ms.p99)),
];

const sumOf = (worker: Worker, key: 'backfilled' | 'missing'): number =>
  Object.values(worker.symbols).reduce((sum, symbol) => sum + symbol[key], 0);

const SYMBOL: readonly Metric<Symbols>[] = [
  metric('symbol_level', 'Health of a symbol: 0 OK, 1 WARN, 2 CRIT.', (s) => rank(s.level)),
  metric('symbol_age_seconds', 'Time since its newest event.', (s) => s.age_sec),
  metric('symbol_late_seconds', 'The age from which it is late.', (s) => s.late_sec),
];

const VENUE: readonly Metric<VenueStatus>[] = [
  metric('venue_level', 'Health of a venue: 0 OK, 1 WARN, 2 CRIT.', (v) => rank(v.level)),
  metric('rest_up', 'Whether the last preflight passed.', (v) => flag(v.rest_ok)),
  metric('clock_offset_seconds', 'Clock of the venue minus ours.', (v) => perMs(v.clock_offset_ms)),
  metric('clock_uncertainty_seconds', 'The offset is known to this, to either side.', (v) =>
    perMs(v.clock_uncertainty_ms),
  ),
  metric(
    'not_trading_symbols',
    'Symbols of the settings that are not traded there now.',
    (v) => v.not_trading.length,
  ),
];

const RATES: readonly Metric<VenueRateStats>[] = [
  metric(
    'rate_budget_used_ratio',
    'Requests of the last minute, of those that are allowed.',
    (r) => r.rpm_60s / r.target_rpm,
  ),
  metric('throttled', 'Whether requests are held back.', (r) => Number(r.throttle)),
  metric('requests_waiting', 'Requests that wait for leave.', (r) => r.waiting),
  metric('requests_paused_seconds', 'What is left of a pause.', (r) => r.paused_sec),
];

const PREFIX = 'tapedeck_';

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** One metric with its samples. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly samples: readonly Sample[];
}

/**
 * The text of one scrape. Labels are venues, feeds and symbols of the settings, and how a request ended. The thread
 * turns between two metrics: one of a thousand symbols takes some ms.
 */
export async function renderMetrics(status: StatusObject, rates: RateStats): Promise<string> {
  const texts: string[] = [];
  for (const family of families(status, rates)) {
    texts.push(await textOf(family));
    await setImmediate();
  }
  return texts.join('\n');
}

function families(status: StatusObject, rates: RateStats): readonly Family[] {
  const { workers } = status;
  const venues = Object.entries(status.venues).map(([venue, one]) => [{ venue }, one] as const);
  const asked = Object.entries(rates.stats).map(([venue, one]) => [{ venue }, one] as const);
  const feeds = workers.map((one) => [{ venue: one.venue, feed: one.feed }, one] as const);
  const symbols = feeds.flatMap(([labels, { symbols }]) =>
    Object.entries(symbols).map(([symbol, one]) => [{ ...labels, symbol }, one] as const),
  );
  const build: Sample = [{ version: status.version, kind: status.kind }, 1];
  return [
    {
      name: 'build_info',
      help: 'The version that runs.',
      labelNames: ['version', 'kind'],
      samples: [build],
    },
    ...table(WHOLE, [], [[{}, status]]),
    ...table(FEED, ['venue', 'feed'], feeds),
    ...table(SYMBOL, ['venue', 'feed', 'symbol'], symbols),
    ...table(VENUE, ['venue'], venues),
    ...table(RATES, ['venue'], asked),
    {
      name: 'http_requests_total',
      help: 'REST requests that ended: OK, ERR, or the status by which the venue refused.',
      labelNames: ['venue', 'code'],
      samples: asked.flatMap(([labels, { outcomes_total }]) =>
        Object.entries(outcomes_total).map(([code, count]): Sample => [{ ...labels, code }, count]),
      ),
    },
  ];
}

function table<T>(
  metrics: readonly Metric<T>[],
  labelNames: readonly string[],
  all: readonly (readonly [Labels, T])[],
): readonly Family[] {
  return metrics.map(({ name, help, value }) => ({
    name,
    help,
    labelNames,
    samples: all.map(([labels, of]): Sample => [labels, value(of)]),
  }));
}

function textOf({ name, help, labelNames, samples }: Family): Promise<string> {
  const registry = new Registry();
  // One without labels would be given as 0 when its value is not known.
  if (labelNames.length > 0 || samples.some(([, value]) => value !== null)) {
    const shape = { name: `${PREFIX}${name}`, help, labelNames, registers: [registry] };
    const isCounter = name.endsWith('_total');
    const counter = isCounter ? new Counter(shape) : null;
    const gauge = isCounter ? null : new Gauge(shape);
    for (const [labels, value] of samples) {
      if (value === null) continue;
      counter?.inc(labels, value);
      gauge?.set(labels, value);
    }
  }
  return registry.metrics();
}
