/** How far another's clock is ahead of ours, from answers that tell its time. */

/** One answer: its time was read at some moment between our sending and the head of the answer. */
export interface ClockReading {
  /** µs UTC, cut to `resolutionUs`. */
  readonly toldUs: number;
  readonly resolutionUs: number;
  /** By our clock, µs UTC. */
  readonly sentUs: number;
  readonly headUs: number;
}

export interface ClockOffset {
  /** Positive: it is ahead of us. */
  readonly offsetMs: number;
  /** The truth lies within this to either side. */
  readonly uncertaintyMs: number;
}

interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

/**
 * From readings of about one moment: the midpoint of the one with the shortest way, narrowed by each other that does
 * not contradict it (several servers can answer by one name). Null without readings.
 */
export function clockOffset(readings: readonly ClockReading[]): ClockOffset | null {
  const [first, ...others] = readings.map(spanOf).sort((a, b) => width(a) - width(b));
  if (first === undefined) return null;
  const { fromUs, toUs } = others.reduce((known, other) => {
    const both = { fromUs: Math.max(known.fromUs, other.fromUs), toUs: Math.min(known.toUs, other.toUs) };
    return width(both) >= 0 ? both : known;
  }, first);
  return { offsetMs: (fromUs + toUs) / 2000, uncertaintyMs: (toUs - fromUs) / 2000 };
}

/** Read at the head of the answer it was ahead by the least; read at our sending by the most. */
function spanOf({ toldUs, resolutionUs, sentUs, headUs }: ClockReading): Span {
  return { fromUs: toldUs - headUs, toUs: toldUs + resolutionUs - sentUs };
}

const width = ({ fromUs, toUs }: Span): number => toUs - fromUs;
