/** `collector/events.jsonl`: steps of the clock, which explain times that go back, and what happened near a hole. */

const TYPES = new Set(['gap', 'reconnect', 'resync', 'start', 'stop', 'worker_restart']);
/** Only to help a person along: of a long ledger the newest are kept. */
const KEPT = 100_000;
/** A fact is written a little after what it tells of. */
const NEAR_US = 5_000_000;
const SHOWN = 3;

/** The clock is looked at now and then, so a row can lie a little off the step that was noticed. */
const STEP_SLACK_US = 5_000_000;

interface Fact {
  readonly us: number;
  readonly type: string;
  readonly scope: string;
  readonly symbol: string | null;
}

/** A step back: what the clock would have shown, and what it showed. */
export interface Step {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface Hints {
  /** One line of the file; false where it is none. */
  take(value: unknown): boolean;
  /** `reconnect 2026-11-21T12:00:00Z`; at most three. */
  near(venue: string, feed: string, symbol: string | null, fromUs: number, toUs: number): readonly string[];
  /** What ended the feed's run that had come to this time, by what happened first from then on; null: nothing yet. */
  endOf(venue: string, feed: string, us: number): 'stop' | 'kill' | null;
  /** Where the clock was set back between two rows that were received at these times, by our clock of then. */
  stepBetween(beforeUs: number, behindUs: number, isSpent: (step: Step) => boolean): Step | null;
  steps(): number;
  /** The newest time that any line tells, µs; 0 where there is none. */
  newestUs(): number;
  /** When the collector was started last, µs; null where no line tells. */
  lastStartUs(): number | null;
}

export function createHints(): Hints {
  let facts: Fact[] = [];
  const steps: Step[] = [];
  let stepCount = 0;
  let lastStartUs: number | null = null;
  let newestUs = 0;
  return {
    take(value) {
      if (typeof value !== 'object' || value === null) return false;
      const { ts, type, scope, symbol, step_sec, from_ts, to_ts } = value as Readonly<
        Record<string, unknown>
      >;
      if (typeof ts !== 'number' || typeof type !== 'string' || typeof scope !== 'string') return false;
      for (const told of [ts, from_ts, to_ts])
        if (typeof told === 'number') newestUs = Math.max(newestUs, Math.round(told * 1e6));
      if (type === 'clock_step') {
        stepCount += 1;
        const step = stepOf(ts, step_sec, from_ts, to_ts);
        if (step !== null) steps.push(step);
      } else if (TYPES.has(type)) {
        facts.push({
          us: Math.round(ts * 1e6),
          type,
          scope,
          symbol: typeof symbol === 'string' ? symbol : null,
        });
        if (type === 'start' && scope === 'collector') lastStartUs = Math.round(ts * 1e6);
        if (facts.length > 2 * KEPT) facts = facts.slice(-KEPT);
      }
      return true;
    },
    near(venue, feed, symbol, fromUs, toUs) {
      const scope = `${venue}.${feed}`;
      const found = facts.filter(
        (fact) =>
          fact.us >= fromUs - NEAR_US &&
          fact.us <= toUs + NEAR_US &&
          (fact.scope === scope || fact.scope === 'collector') &&
          (fact.symbol === null || fact.symbol === symbol),
      );
      return found.slice(0, SHOWN).map(({ us, type }) => `${type} ${new Date(us / 1000).toISOString()}`);
    },
    endOf(venue, feed, us) {
      const found = facts.find(
        (fact) =>
          fact.us >= us &&
          ((fact.scope === 'collector' && (fact.type === 'start' || fact.type === 'stop')) ||
            (fact.scope === `${venue}.${feed}` && fact.type === 'worker_restart')),
      );
      if (found === undefined) return null;
      return found.type === 'stop' ? 'stop' : 'kill';
    },
    stepBetween: (beforeUs, behindUs, isSpent) =>
      steps.find(
        (step) =>
          beforeUs <= step.fromUs + STEP_SLACK_US && behindUs >= step.toUs - STEP_SLACK_US && !isSpent(step),
      ) ?? null,
    steps: () => stepCount,
    newestUs: () => newestUs,
    lastStartUs: () => lastStartUs,
  };
}

/** `{"type":"clock_step","step_sec","from_ts","to_ts"}`; null for a step forward, which explains nothing. */
function stepOf(ts: number, stepSec: unknown, fromTs: unknown, toTs: unknown): Step | null {
  const to = typeof toTs === 'number' ? toTs : ts;
  const from = typeof fromTs === 'number' ? fromTs : typeof stepSec === 'number' ? to - stepSec : to;
  return from <= to ? null : { fromUs: Math.round(from * 1e6), toUs: Math.round(to * 1e6) };
}
