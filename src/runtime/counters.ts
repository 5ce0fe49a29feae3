/** What one feed has seen, for the status. Counts since the worker's start. */

/** Names of ignored frames come from the venue, so their number is bounded. */
const NAMES_LIMIT = 50;

export interface Counters {
  frames: number;
  bytes: number;
  events: number;
  rejects: number;
  duplicates: number;
  /** Events whose time was over a second ahead of our clock. */
  ahead: number;
  resyncs: number;
  readonly ignored: Record<string, number>;
  ignore(name: string): void;
}

/** Of one run added to those of the runs before it. */
export function addCounters(to: Counters, from: Counters): void {
  to.frames += from.frames;
  to.bytes += from.bytes;
  to.events += from.events;
  to.rejects += from.rejects;
  to.duplicates += from.duplicates;
  to.ahead += from.ahead;
  to.resyncs += from.resyncs;
  for (const [name, count] of Object.entries(from.ignored))
    to.ignored[name] = (to.ignored[name] ?? 0) + count;
}

export function createCounters(): Counters {
  const ignored: Record<string, number> = {};
  const counters: Counters = {
    frames: 0,
    bytes: 0,
    events: 0,
    rejects: 0,
    duplicates: 0,
    ahead: 0,
    resyncs: 0,
    ignored,
    ignore(name) {
      const short = name.slice(0, 60);
      const isRoom = Object.hasOwn(ignored, short) || Object.keys(ignored).length < NAMES_LIMIT;
      const key = isRoom ? short : '(others)';
      ignored[key] = (ignored[key] ?? 0) + 1;
    },
  };
  return counters;
}
