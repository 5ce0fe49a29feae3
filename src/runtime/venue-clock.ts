/** Measures how far a venue's clock is ahead of ours: at its preflight, now and then, and after ours was set. */

import { type ClockOffset, type ClockReading, clockOffset } from '../core/clock-offset.ts';
import type { Cancel, Clock } from '../core/ports.ts';
import { type Failure, failure, type Result } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import type { FeedOptions, Located, RestCall, Venue } from '../core/venue.ts';
import type { Fact, Priority } from './protocol.ts';
import type { TimedText } from './rest.ts';

const EVERY_MS = 600_000;
const LOOK_MS = 10_000;
/** Readings of one measurement: the one with the shortest way counts most. */
const READINGS = 3;
/** Dates that are kept: a preflight that does not pass brings some with each try, for ever. */
const DATES = 8;
/** Our wall clock was set when it moved by this much against the monotonic one: what was measured is void. */
const STEP_MS = 250;
/** A venue's time has ms; a `Date` header whole seconds. */
const TIME_US = 1_000;
const DATE_US = 1_000_000;

type Asked = 'clock' | 'readClock' | 'instruments' | 'poll' | 'unified';

export interface VenueClockPort {
  readonly venue: Pick<Venue, 'id'> & { readonly rest: Pick<Venue['rest'], Asked> };
  readonly located: readonly Located[];
  readonly options: FeedOptions;
  readonly clock: Clock;
  ask(call: RestCall, priority: Priority): Promise<Result<TimedText>>;
  /** `clock_failed`, once for each reason until it works again. */
  note(fact: Fact): void;
}

/** As it stands in `status.json`. */
export interface VenueClockStatus {
  /** The venue's clock minus ours; null: not known. */
  readonly clock_offset_ms: number | null;
  readonly clock_uncertainty_ms: number | null;
  /** When it was measured. */
  readonly clock_ts: number | null;
}

export interface VenueClock {
  /** An answer to another question: its `Date` header serves where the venue tells its time in no other way. */
  saw(answer: TimedText): void;
  /** Resolves when there is a reading, or none could be had. Further ones follow by themselves, later ones until `stop`. */
  begin(): Promise<void>;
  status(): VenueClockStatus;
  stop(): void;
}

export function createVenueClock({ venue, located, options, clock, ask, note }: VenueClockPort): VenueClock {
  const own = venue.rest.clock(located);
  const call = own ?? datedCall(venue.rest, located, options);
  let times: ClockReading[] = [];
  let dates: ClockReading[] = [];
  let known: (ClockOffset & { readonly atUs: number }) | null = null;
  let skewMs = 0;
  let measuredMs = 0;
  let failing: string | null = null;
  let busy = false;
  let stopped = false;
  let stopLooks: Cancel | null = null;

  const fail = ({ code, message }: Failure): void => {
    if (failing === code || stopped) return;
    failing = code;
    note({ type: 'clock_failed', scope: venue.id, code, message });
  };

  const saw = ({ date, sentUs, headUs }: TimedText): boolean => {
    const toldUs = Date.parse(date ?? '') * 1000;
    if (Number.isNaN(toldUs)) return false;
    dates.push({ toldUs, resolutionUs: DATE_US, sentUs, headUs });
    if (dates.length > DATES) dates.shift();
    return true;
  };

  const read = async (): Promise<void> => {
    if (call === undefined || stopped) return;
    const answer = await ask(call, 'backfill');
    if (!answer.ok) return fail(answer.error);
    const { text, sentUs, headUs } = answer.value;
    const isDated = saw(answer.value);
    if (own !== null) {
      const told = venue.rest.readClock(text);
      if (!told.ok) return fail(told.error);
      times.push({ toldUs: told.value, resolutionUs: TIME_US, sentUs, headUs });
    } else if (!isDated) return fail(failure('no_date', 'its answers have no Date header'));
    failing = null;
  };

  const conclude = (): void => {
    // The date may be that of a cache in between: it counts where there is nothing better.
    const offset = clockOffset(times.length > 0 ? times : dates);
    if (offset !== null) known = { ...offset, atUs: clock.wallUs() };
  };

  const skew = (): number => clock.wallUs() / 1000 - clock.monoMs();

  const measure = async (readings: number): Promise<void> => {
    busy = true;
    measuredMs = clock.monoMs();
    skewMs = skew();
    for (let taken = 0; taken < readings; taken++) await read();
    conclude();
    busy = false;
  };

  const anew = (): void => {
    times = [];
    dates = [];
    void measure(READINGS);
  };

  const look = (): void => {
    if (busy) return;
    const wasSet = Math.abs(skew() - skewMs) >= STEP_MS;
    if (wasSet) known = null;
    if (wasSet || clock.monoMs() - measuredMs >= EVERY_MS) anew();
  };

  return {
    saw,
    async begin() {
      if (stopLooks !== null || stopped) return;
      stopLooks = clock.every(LOOK_MS, look);
      // One more `Date` tells little more than the one that was seen: nobody waits for it.
      if (own !== null || dates.length === 0) await measure(1);
      else conclude();
      void measure(READINGS - 1);
    },
    status: () => ({
      clock_offset_ms: known && tenths(known.offsetMs),
      clock_uncertainty_ms: known && tenths(known.uncertaintyMs),
      clock_ts: known && seconds(known.atUs),
    }),
    stop() {
      stopped = true;
      stopLooks?.();
    },
  };
}

/** Where no endpoint tells the time: an answer to anything has a `Date`. What ccxt has loaded it does not ask again. */
function datedCall(rest: VenueClockPort['venue']['rest'], located: readonly Located[], options: FeedOptions) {
  const [anyone] = located;
  if (rest.unified && anyone !== undefined) return rest.poll('ticker', anyone, options)[0];
  return rest.instruments(located)[0];
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;
