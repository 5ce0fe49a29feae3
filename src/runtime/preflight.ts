/**
 * Before its fetchers start, a venue is asked for the instruments that the settings name: is it there, and does it
 * have them? A venue that cannot be reached is asked again for ever; what it answers goes to `raw/instruments.json`.
 */

import { backoffMs } from '../core/backoff.ts';
import type { Cancel, Clock, Random } from '../core/ports.ts';
import { err, failure, ok, type Result } from '../core/result.ts';
import type { Instrument, Located, RestCall, Venue } from '../core/venue.ts';
import type { RestText } from './protocol.ts';

const BACKOFF = { baseMs: 5_000, capMs: 60_000 };
/** Symbols that are asked for by themselves: many missing ones mean a mistake, not a page. */
const ASKED_SINGLY = 20;

type Ask = (call: RestCall) => Promise<Result<RestText>>;

export interface Preflight {
  /** The instruments that the settings name, and those symbols of them that the venue does not list. */
  readonly instruments: readonly Instrument[];
  readonly unlisted: readonly string[];
  /** Those that it lists, and that are not open for trading now. */
  readonly notTrading: readonly string[];
}

/** One round of questions. Fails where the venue cannot be reached or does not answer in its own form. */
export async function preflight(
  venue: Venue,
  located: readonly Located[],
  asking: Ask,
): Promise<Result<Preflight>> {
  const found = new Map<string, Instrument>();
  const isFound = (one: Located): boolean => found.has(`${one.market} ${one.id}`);
  const together = await ask(venue, located, asking, found);
  if (!together.ok) return together;
  // One unknown symbol can spoil the answer for all that were asked with it, and long lists come in pages: what is
  // missing is asked for by itself before it is called unlisted.
  const missing = located.length > 1 ? located.filter((one) => !isFound(one)) : [];
  for (const one of missing.slice(0, ASKED_SINGLY)) {
    const alone = await ask(venue, [one], asking, found);
    if (!alone.ok) return alone;
  }
  const instruments = located.flatMap((one) => {
    const instrument = found.get(`${one.market} ${one.id}`);
    return instrument === undefined ? [] : [{ ...instrument, symbol: one.symbol }];
  });
  return ok({
    instruments,
    unlisted: located.filter((one) => !isFound(one)).map((one) => one.symbol),
    notTrading: instruments.filter((one) => !one.trading).map((one) => one.symbol),
  });
}

async function ask(
  venue: Venue,
  located: readonly Located[],
  asking: Ask,
  found: Map<string, Instrument>,
): Promise<Result<void>> {
  for (const call of venue.rest.instruments(located)) {
    const answer = await asking(call);
    if (!answer.ok) {
      // The venue is there, and has no such instrument: its own way to say so is an error.
      if (!venue.rest.unlistedCodes.includes(answer.error.code)) return answer;
      continue;
    }
    const read = venue.rest.readInstruments(answer.value.text, call.market);
    if (!read.ok) return err(failure(read.error.code, `instruments: ${read.error.message}`));
    for (const one of read.value) found.set(`${one.market} ${one.id}`, one);
  }
  return ok(undefined);
}

/** Asks now, and until the venue answers. `onResult` hears of every round. */
export function keepTrying(
  round: () => Promise<Result<Preflight>>,
  port: { readonly clock: Clock; readonly random: Random },
  onResult: (result: Result<Preflight>) => void,
): Cancel {
  let attempt = 0;
  let stopped = false;
  let pending: Cancel | null = null;
  const go = async (): Promise<void> => {
    const result = await round();
    if (stopped) return;
    onResult(result);
    if (result.ok) return;
    pending = port.clock.after(backoffMs(attempt, BACKOFF, port.random), () => void go());
    attempt += 1;
  };
  void go();
  return () => {
    stopped = true;
    pending?.();
  };
}
