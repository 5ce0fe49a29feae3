/** When the disk will be full, from how fast its free bytes shrank over up to a day. */

export interface Forecast {
  /** `nowMs` on the monotonic clock. As often as one likes: a sample each ten minutes is kept, and the newest. */
  add(freeBytes: number, nowMs: number): void;
  read(): {
    /** Of the free bytes, negative while they shrink; null until there are samples over ten minutes. */
    readonly bytesPerSec: number | null;
    /** Null when that is not known, when they do not shrink, and beyond ten years. */
    readonly fullInSec: number | null;
  };
}

interface Sample {
  readonly ms: number;
  readonly free: number;
}

const MINUTE_MS = 60_000;
const KEEP_EVERY_MS = 10 * MINUTE_MS;
const LEAST_MS = 10 * MINUTE_MS;
const WINDOW_MS = 24 * 60 * MINUTE_MS;
/** Beyond this it is noise, not a forecast. */
const FARTHEST_SEC = 10 * 365 * 86_400;
/** A rise above the lowest sample by this much, or by this share of what is free: something was deleted. */
const RISE_BYTES = 16 * 1024 * 1024;
const RISE_SHARE = 0.001;

export function createForecast(): Forecast {
  /** Oldest first. */
  let kept: Sample[] = [];
  let newest: Sample | null = null;
  let lowest = Number.POSITIVE_INFINITY;

  return {
    add(free, ms) {
      if (free - lowest > Math.max(RISE_BYTES, free * RISE_SHARE)) {
        // The rate before says nothing of how long this room will last.
        kept = [];
        lowest = Number.POSITIVE_INFINITY;
      }
      lowest = Math.min(lowest, free);
      newest = { ms, free };
      const last = kept.at(-1);
      if (last === undefined || ms - last.ms >= KEEP_EVERY_MS) kept.push(newest);
      while ((kept[0]?.ms ?? ms) < ms - WINDOW_MS) kept.shift();
    },
    read() {
      const bytesPerSec = newest === null ? null : slopeOf(kept, newest);
      if (newest === null || bytesPerSec === null || bytesPerSec >= 0)
        return { bytesPerSec, fullInSec: null };
      const sec = Math.round(newest.free / -bytesPerSec);
      return { bytesPerSec, fullInSec: sec > FARTHEST_SEC ? null : sec };
    },
  };
}

/** For people: `disk full in 12 days at this rate`; never promises more than there is. */
export function fullText(fullInSec: number): string {
  return `disk full in ${spanText(fullInSec)} at this rate`;
}

function spanText(sec: number): string {
  const minutes = Math.floor(sec / 60);
  const hours = Math.floor(minutes / 60);
  if (hours > 48) return `${Math.floor(hours / 24)} days`;
  if (minutes > 120) return `${hours} hours`;
  if (minutes > 1) return `${minutes} minutes`;
  return minutes === 1 ? 'a minute' : 'less than a minute';
}

/** Least squares through the kept samples and the newest, bytes a second. */
function slopeOf(kept: readonly Sample[], newest: Sample): number | null {
  const [first] = kept;
  if (first === undefined || newest.ms - first.ms < LEAST_MS) return null;
  const samples = kept.at(-1) === newest ? kept : [...kept, newest];
  // Counted from the first one, so that the squares keep their digits.
  const points = samples.map(({ ms, free }) => ({ sec: (ms - first.ms) / 1000, bytes: free - first.free }));
  const mean = (of: (point: (typeof points)[number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const sec = mean((point) => point.sec);
  const bytes = mean((point) => point.bytes);
  const covariance = mean((point) => (point.sec - sec) * (point.bytes - bytes));
  return covariance / mean((point) => (point.sec - sec) ** 2);
}
