/** Which streams go over which connection, and which request asks for them, by the limits that a venue's page names. */

import type { ConnectionPlan, DialPlan, Located, Subscription, Venue } from '../core/venue.ts';
import { chunks } from './kit.ts';

export interface Stream {
  /** In the venue's words. */
  readonly name: string;
  /** As of `Subscription`. */
  readonly soonMs: number | null;
}

export interface SplitLimits {
  /** Ours: so that one lost connection is not everything. */
  readonly instruments: number;
  readonly streams: number;
  readonly streamsPerRequest: number;
  /** Characters of all stream names of one connection, and of one request. */
  readonly chars: number;
  readonly charsPerRequest: number;
}

/** No limit is known: what the venue's page does not name. */
export const NO_LIMIT = Number.POSITIVE_INFINITY;

type Asked = Pick<ConnectionPlan, 'instruments' | 'subscriptions' | 'hellos'>;

/**
 * The instruments in order, each with all its streams on one connection; those of one connection in as few requests as
 * the limits allow.
 */
export function split(
  instruments: readonly Located[],
  streamsOf: (located: Located) => readonly Stream[],
  limits: SplitLimits,
  request: Venue['request'],
): readonly Asked[] {
  const parts: Located[][] = [];
  let [streams, chars] = [NO_LIMIT, NO_LIMIT];
  for (const located of instruments) {
    const own = streamsOf(located);
    const ownChars = own.reduce((sum, { name }) => sum + name.length, 0);
    const part = parts.at(-1);
    streams += own.length;
    chars += ownChars;
    if (
      part !== undefined &&
      part.length < limits.instruments &&
      streams <= limits.streams &&
      chars <= limits.chars
    ) {
      part.push(located);
    } else {
      parts.push([located]);
      [streams, chars] = [own.length, ownChars];
    }
  }
  return parts.map((part) => ask(part, streamsOf, limits, request));
}

function ask(
  instruments: readonly Located[],
  streamsOf: (located: Located) => readonly Stream[],
  limits: SplitLimits,
  request: Venue['request'],
): Asked {
  const all = instruments.flatMap((located) =>
    streamsOf(located).map((stream) => ({ symbol: located.symbol, ...stream })),
  );
  const longest = all.reduce((most, { name }) => Math.max(most, name.length), 1);
  const perRequest = Math.max(
    1,
    Math.min(limits.streamsPerRequest, Math.floor(limits.charsPerRequest / longest)),
  );
  const requests = perRequest === NO_LIMIT ? [all] : chunks(all, perRequest);
  return {
    instruments,
    subscriptions: requests.flatMap((some, index) =>
      some.map(
        ({ symbol, name, soonMs }): Subscription => ({ symbol, stream: name, soonMs, hello: index + 1 }),
      ),
    ),
    hellos: requests.map((some, index) =>
      request(
        'subscribe',
        some.map(({ name }) => name),
        index + 1,
      ),
    ),
  };
}

/** `spot`, `spot-2`, …: stable between starts. */
export const nameOf = (base: string, index: number): string => (index === 0 ? base : `${base}-${index + 1}`);

/** The instruments of one market. */
export const ofMarket = (plan: DialPlan, market: Located['market']): readonly Located[] =>
  plan.instruments.filter((located) => located.market === market);
