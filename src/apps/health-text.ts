/** The health of the collector in lines for people. */

import { oneLine } from '../core/one-line.ts';
import type { Health, RatesRead, StatusRead } from './health-files.ts';

/** `nowSec`: epoch seconds. */
export function healthText(health: Health, folder: string, nowSec: number): string {
  const { level, running, since_ts: since, reasons, status, rates } = health;
  if (!running) {
    const lines = [
      `${level} not running${since === null ? '' : ` since ${timeText(since)}`}: ${oneLine(reasons.join('; '))}`,
      ...adviceFor(health, folder),
    ];
    return lines.join('\n');
  }
  const parts = status === null ? [] : [factsLine(status, folder), ...venueLines(status, rates)];
  const first = `${level}${since === null ? '' : ` since ${timeText(since)} (${spanText(nowSec - since)})`}`;
  return [first, ...parts, ...reasons.map((reason) => `- ${oneLine(reason)}`)].join('\n');
}

function adviceFor({ status }: Health, folder: string): readonly string[] {
  if (status === null)
    return [
      `- another folder: npm run collector:health -- --data DIR (simulated data is in ${folder}/sim)`,
      '- start it: npm run collector',
    ];
  const lost = status.state !== 'stopped';
  return [
    ...(lost ? ['- why it ended: the newest logs/collector_*.log, and the system log (out of memory?)'] : []),
    `- start it again: npm run collector${status.kind === 'sim' ? ' -- --sim' : ''}; nothing need be mended before`,
  ];
}

function factsLine({ pid, state, kind, uptime_sec, host, writer }: StatusRead, folder: string): string {
  const free = writer.disk_free_bytes;
  const facts = [
    `${state}, ${kind}, pid ${pid}, up ${spanText(uptime_sec)}`,
    `memory ${Math.round(host.rss_mb)} MB`,
    `disk ${free === null ? 'unknown' : `${(free / 1e9).toFixed(1)} GB free`}`,
    `${Math.round(writer.fsync_lag_ms)} ms behind`,
    folder,
  ];
  return `  ${facts.join(' | ')}`;
}

function venueLines({ venues, workers }: StatusRead, rates: RatesRead | null): readonly string[] {
  return Object.entries(venues).flatMap(([venue, { level }]) => [
    `${venue.padEnd(11)} ${rateText(rates?.stats[venue])} [${level}]`,
    ...workers.filter((worker) => worker.venue === venue).map(feedLine),
  ]);
}

function rateText(rate: RatesRead['stats'][string] | undefined): string {
  if (rate === undefined) return 'API: unknown';
  const { rpm_60s, rpm_300s, err_60s, throttle } = rate;
  const perMinute = Math.round(rpm_300s * 10) / 10;
  return `API:60s=${rpm_60s} / 5min=${perMinute}/min / Err60=${err_60s}${throttle ? ' THROTTLED' : ''}`;
}

function feedLine({
  feed,
  level,
  state,
  last_event_age_sec: age,
  events_60s,
}: StatusRead['workers'][number]): string {
  const last = age === null ? 'never' : `${spanText(age)} ago`;
  return `  ${feed.padEnd(9)} ${level.padEnd(4)} ${state.padEnd(10)} last ${last.padEnd(12)} ${events_60s}/min`;
}

function timeText(sec: number): string {
  return `${new Date(sec * 1000).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function spanText(sec: number): string {
  if (sec < 10) return `${Math.max(0, sec).toFixed(1)} s`;
  if (sec < 120) return `${Math.floor(sec)} s`;
  const minutes = Math.floor(sec / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
