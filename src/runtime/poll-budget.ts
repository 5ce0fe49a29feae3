/** What the settings of a venue ask for by polling, held against what its budget gives; before anything is asked. */

import { FEEDS, type Feed } from '../core/event.ts';
import type { RestCall } from '../core/venue.ts';
import { feedOptions, type Station, windowsOf } from './station.ts';

export interface PollBudget {
  /** Of a call that the settings can lead to and that its window can never hold; null: each fits. */
  readonly never: string | null;
  /** That polling will be slower than its intervals say; null: it will not. */
  readonly slower: string | null;
}

type Asking = Pick<Station, 'venue' | 'settings' | 'located' | 'governor'>;

/** Something that is asked for again and again. */
interface Polled {
  readonly call: RestCall;
  readonly everySec: number;
}

export function pollBudget(one: Asking): PollBudget {
  return { never: neverFits(one), slower: slower(one) };
}

function neverFits(one: Asking): string | null {
  const { venue, located, settings, governor } = one;
  const { rest } = venue;
  const books = settings.feeds.orderbook?.enabled
    ? located.flatMap((each) => rest.depth(each, feedOptions(settings).depth) ?? [])
    : [];
  const polls = FEEDS.filter((feed) => canBePolled(one, feed)).flatMap((feed) => pollsOf(one, feed));
  for (const call of [...rest.instruments(located), ...books, ...polls.map(({ call }) => call)]) {
    const refusal = governor.refusal(costOf(one, call));
    if (refusal !== null) return `${call.method}: ${refusal}`;
  }
  return null;
}

function slower(one: Asking): string | null {
  const { target_rpm, windows } = one.governor.stats();
  const polls = FEEDS.filter((feed) => isPolled(one, feed)).flatMap((feed) => pollsOf(one, feed));
  const calls = sum(polls.map(({ everySec }) => 60 / everySec));
  // No minute holds a part of a call.
  const target = Math.max(1, Math.floor(target_rpm));
  const tightest = windowsOf(one.venue, one.settings)
    .map(({ name, perMs }) => {
      const cap = windows[name]?.cap ?? Number.POSITIVE_INFINITY;
      const own = polls.filter(({ call }) => call.window === name);
      const asked = sum(
        own.map(({ call, everySec }) => (costOf(one, call).weight * perMs) / 1000 / everySec),
      );
      return { ratio: asked / cap, text: `${round(asked)} of ${cap} in ${perMs / 1000} s of ${name}` };
    })
    .reduce((a, b) => (b.ratio > a.ratio ? b : a), {
      ratio: calls / target,
      text: `${round(calls)} calls/min of ${target}`,
    });
  const { ratio, text } = tightest;
  if (ratio <= 1) return null;
  const [everySec = 0, ...others] = new Set(polls.map((each) => each.everySec));
  const how =
    others.length === 0 ? `about ${round(everySec * ratio)} s` : `about ${round(ratio)} times their length`;
  return `polling asks for ${text}: intervals will be stretched to ${how}`;
}

const isPolled = ({ settings }: Asking, feed: Feed): boolean => {
  const own = settings.feeds[feed];
  return own?.enabled === true && own.transport === 'rest';
};

const canBePolled = (one: Asking, feed: Feed): boolean => {
  const own = one.settings.feeds[feed];
  return isPolled(one, feed) || (own?.enabled === true && own.fallback.enabled);
};

function pollsOf({ venue, settings, located }: Asking, feed: Feed): readonly Polled[] {
  const everySec = settings.feeds[feed]?.rest.interval_sec ?? 0;
  const options = feedOptions(settings);
  return located.flatMap((each) => venue.rest.poll(feed, each, options).map((call) => ({ call, everySec })));
}

function costOf({ settings }: Asking, { method, weight, window }: RestCall) {
  return { window, weight: settings.rate.weights[method] ?? weight };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const round = (value: number): number => Math.round(value * 10) / 10;
