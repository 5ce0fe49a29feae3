/** What has to be done to get from the settings that hold to others: pure, as words and as steps. */

import { isDeepStrictEqual } from 'node:util';
import type { Settings, VenueSettings } from '../../config/schema.ts';
import { FEEDS, type Feed } from '../core/event.ts';

/** What one venue needs, by its key in the settings. */
export type VenueStep =
  | { readonly key: string; readonly do: 'add' | 'remove' }
  /** Reached elsewhere: it is left and begun anew. */
  | { readonly key: string; readonly do: 'renew' }
  | ({ readonly key: string; readonly do: 'change' } & VenueChange);

export interface VenueChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Feeds whose thread begins, ends, or ends and begins anew. */
  readonly start: readonly Feed[];
  readonly stop: readonly Feed[];
  readonly restart: readonly Feed[];
}

export interface SettingsDiff {
  readonly venues: readonly VenueStep[];
  /** What changes now, in words, without the mode. */
  readonly now: readonly string[];
  /** What changes at the next start only, in words. */
  readonly later: readonly string[];
}

/** Parts that are read once: open files, sockets and folders hang on them. */
const AT_START = ['paths', 'writer', 'http'] as const;
const AT_ONCE = ['archive', 'retention', 'health'] as const;
/** Of a feed: what its thread is told while it runs. All else is another way to receive it. */
const TOLD = ['enabled', 'rest'];

export function settingsDiff(from: Settings, to: Settings): SettingsDiff {
  const keys = [...new Set([...Object.keys(from.venues), ...Object.keys(to.venues)])];
  const { mode: _, ...before } = from.runtime;
  const { mode: __, ...after } = to.runtime;
  return {
    venues: keys.flatMap((key) => venueStep(key, from.venues[key], to.venues[key]) ?? []),
    now: [
      ...differences(before, after, 'runtime'),
      ...AT_ONCE.flatMap((part) => differences(from[part], to[part], part)),
      ...keys.flatMap((key) => venueWords(key, from.venues[key], to.venues[key])),
    ],
    later: AT_START.flatMap((part) => differences(from[part], to[part], part)),
  };
}

/** A venue that is off is as one that is not there. */
const isOn = (venue: VenueSettings | undefined): venue is VenueSettings => venue?.enabled === true;

function venueStep(
  key: string,
  from: VenueSettings | undefined,
  to: VenueSettings | undefined,
): VenueStep | null {
  if (!isOn(from)) return isOn(to) ? { key, do: 'add' } : null;
  if (!isOn(to)) return { key, do: 'remove' };
  if (isDeepStrictEqual(from, to)) return null;
  if (!isDeepStrictEqual(from.endpoints, to.endpoints)) return { key, do: 'renew' };
  return {
    key,
    do: 'change',
    added: to.symbols.filter((symbol) => !from.symbols.includes(symbol)),
    removed: from.symbols.filter((symbol) => !to.symbols.includes(symbol)),
    start: feedsWhere((feed) => !isFeedOn(from, feed) && isFeedOn(to, feed)),
    stop: feedsWhere((feed) => isFeedOn(from, feed) && !isFeedOn(to, feed)),
    restart: feedsWhere((feed) => isFeedOn(from, feed) && isFeedOn(to, feed) && isOtherWay(from, to, feed)),
  };
}

const feedsWhere = (is: (feed: Feed) => boolean): readonly Feed[] => FEEDS.filter(is);

const isFeedOn = (venue: VenueSettings, feed: Feed): boolean => venue.feeds[feed]?.enabled === true;

function isOtherWay(from: VenueSettings, to: VenueSettings, feed: Feed): boolean {
  const way = (venue: VenueSettings) =>
    Object.entries(venue.feeds[feed] ?? {}).filter(([name]) => !TOLD.includes(name));
  return !isDeepStrictEqual(Object.fromEntries(way(from)), Object.fromEntries(way(to)));
}

function venueWords(
  key: string,
  from: VenueSettings | undefined,
  to: VenueSettings | undefined,
): readonly string[] {
  const path = `venues.${key}`;
  if (!isOn(from)) return isOn(to) ? [`${path}: begins`] : [];
  if (!isOn(to)) return [`${path}: ends`];
  return differences(from, to, path);
}

/** `venues.okx.feeds.orderbook.depth: 200 -> 50`; of a list, what is new and what is gone: `+ETH/USDT -SOL/USDT`. */
function differences(from: unknown, to: unknown, path: string): readonly string[] {
  if (isDeepStrictEqual(from, to)) return [];
  if (isMapping(from) && isMapping(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
    return keys.flatMap((key) => differences(from[key], to[key], `${path}.${key}`));
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    const added = to.filter((one) => !from.includes(one)).map((one) => `+${one}`);
    const removed = from.filter((one) => !to.includes(one)).map((one) => `-${one}`);
    // Only the order is another.
    return added.length + removed.length === 0 ? [] : [`${path}: ${[...added, ...removed].join(' ')}`];
  }
  // A URL can hold a secret in its path, so it is not shown.
  if (path === 'health.webhook' || path.includes('.endpoints.')) return [`${path}: another`];
  return [`${path}: ${from ?? 'none'} -> ${to ?? 'none'}`];
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
