/** Times: µs since 1970 UTC as integers (safe until the year 2255); text is cut, never rounded. */

import type { Clock } from './ports.ts';

/** 2001-09-09 to 2100-01-01: a venue's time outside is absurd and its frame is refused. */
const EARLIEST_US = 1_000_000_000_000_000;
const LATEST_US = 4_102_444_800_000_000;

export function isPlausibleUs(us: number): boolean {
  return Number.isSafeInteger(us) && us >= EARLIEST_US && us <= LATEST_US;
}

/** Milliseconds, as a number or as decimal text, to µs; null when it is not a plausible time. */
export function msToUs(ms: number | string): number | null {
  const us = typeof ms === 'number' ? Math.trunc(ms * 1000) : textToUs(ms, 1000);
  return isPlausibleUs(us) ? us : null;
}

/** Seconds as decimal text (`1633998512.0633569`) to µs, truncated from the text; null when implausible. */
export function secondsToUs(seconds: string): number | null {
  const us = textToUs(seconds, 1_000_000);
  return isPlausibleUs(us) ? us : null;
}

function textToUs(text: string, unit: 1000 | 1_000_000): number {
  const match = /^(\d{1,16})(?:\.(\d+))?$/.exec(text);
  if (!match) return Number.NaN;
  const places = unit === 1000 ? 3 : 6;
  const fraction = (match[2] ?? '').slice(0, places).padEnd(places, '0');
  return Number(match[1]) * unit + Number(fraction);
}

/**
 * ISO 8601 in UTC with any number of fraction digits (`2021-12-12T23:05:29.9692063Z`, zone absent means UTC) to
 * µs, truncated from the text; null when it is not such a time.
 */
export function isoToUs(text: string): number | null {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d+))?(?:Z|\+00:00)?$/.exec(text);
  if (!match) return null;
  const ms = Date.parse(`${match[1]}Z`);
  // `Date` takes the 30th of February for the 2nd of March.
  const day = Number(text.slice(8, 10));
  if (day > 28 && new Date(ms).getUTCDate() !== day) return null;
  const us = ms * 1000 + Number((match[2] ?? '').slice(0, 6).padEnd(6, '0'));
  return isPlausibleUs(us) ? us : null;
}

/** `20261121`, the UTC day. */
export function dayOf(us: number): string {
  return new Date(us / 1000).toISOString().slice(0, 10).replaceAll('-', '');
}

/** One UTC day: its name (`2026-11-21`), and the µs at which it begins and ends. */
export interface UtcDay {
  readonly name: string;
  readonly startUs: number;
  readonly endUs: number;
}

const DAY_US = 86_400_000_000;

export function utcDay(us: number): UtcDay {
  const startUs = Math.floor(us / DAY_US) * DAY_US;
  return { name: new Date(startUs / 1000).toISOString().slice(0, 10), startUs, endUs: startUs + DAY_US };
}

/** Epoch seconds with decimals, the form of every `ts` in our JSON. */
export function seconds(us: number): number {
  return Math.trunc(us) / 1_000_000;
}

/** `2026-11-21T09:00:00.123456Z`. */
export function isoOf(us: number): string {
  const ms = Math.floor(us / 1000);
  const rest = String(Math.trunc(us - ms * 1000)).padStart(3, '0');
  return new Date(ms).toISOString().replace('Z', `${rest}Z`);
}

/** The wall time (µs UTC) of a moment on the monotonic clock. */
export function wallOf(clock: Pick<Clock, 'wallUs' | 'monoMs'>): (atMs: number) => number {
  const nowUs = clock.wallUs();
  const nowMs = clock.monoMs();
  return (atMs) => Math.round(nowUs - (nowMs - atMs) * 1000);
}
