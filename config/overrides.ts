/** What a command line puts in place of the file's settings, checked by the same rules. */

import { resolve } from 'node:path';
import { FEEDS, type Feed } from '../src/core/event.ts';
import { err, ok, type Result } from '../src/core/result.ts';
import { keyOf } from '../src/core/venue.ts';
import { judgeSettings } from './check.ts';
import { oneOfHint, oneOfText, optionProblem, pathText, problem, type SettingsProblem } from './problem.ts';
import { MODES, type Settings, settingsSchema, type VenueDeclaration, type VenueSettings } from './schema.ts';

export interface Overrides {
  /** Exactly these venues, whatever the file says; one that it does not name has its defaults. */
  readonly venues?: readonly string[] | undefined;
  /** Exactly these feeds are on, of every venue that has them. */
  readonly feeds?: readonly string[] | undefined;
  /** Folders, relative to the working directory. */
  readonly data?: string | undefined;
  readonly logs?: string | undefined;
  readonly mode?: string | undefined;
  /** Every feed that is on is recorded raw too. */
  readonly capture?: boolean | undefined;
  /** Base URLs by venue and key (the embedded simulator's); of venues that are off they are not used. */
  readonly endpoints?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
}

type Checked<T> = Result<T, readonly SettingsProblem[]>;

/** `cwd`: the folder that `data` and `logs` are relative to. */
export function applyOverrides(
  settings: Settings,
  overrides: Overrides,
  cwd: string,
  venues: readonly VenueDeclaration[],
): Checked<Settings> {
  const problems: SettingsProblem[] = [];
  const folder = (option: string, given: string | undefined, otherwise: string) => {
    if (given === '') problems.push(optionProblem(option, 'a folder', given));
    return given === undefined ? otherwise : resolve(cwd, given);
  };
  const paths = {
    data: folder('--data', overrides.data, settings.paths.data),
    logs: folder('--logs', overrides.logs, settings.paths.logs),
  };
  const mode = MODES.find((each) => each === overrides.mode) ?? settings.runtime.mode;
  if (overrides.mode !== undefined && overrides.mode !== mode) {
    problems.push(optionProblem('--mode', oneOfText(MODES), overrides.mode));
  }
  const ids = [...new Set([...venues.map(keyOf), ...Object.keys(settings.venues)])];
  problems.push(...unknownNames('--venues', overrides.venues, ids));
  problems.push(...unknownNames('--feeds', overrides.feeds, FEEDS));
  const endpoints = checkEndpoints(overrides.endpoints ?? {}, venues);
  if (!endpoints.ok) problems.push(...endpoints.error);

  if (problems.length > 0 || !endpoints.ok) return err(problems);
  const chosen = chooseVenues(settings, overrides.venues, venues);
  const withAll = Object.entries(chosen).map(([id, venue]) => {
    const urls = { ...venue.endpoints, ...endpoints.value[id]?.endpoints };
    return [id, { ...venue, endpoints: urls, feeds: chooseFeeds(venue.feeds, overrides) }] as const;
  });
  return ok({
    ...settings,
    runtime: { ...settings.runtime, mode },
    paths,
    venues: Object.fromEntries(withAll),
  });
}

function chooseVenues(
  settings: Settings,
  chosen: readonly string[] | undefined,
  venues: readonly VenueDeclaration[],
): Settings['venues'] {
  if (chosen === undefined) return settings.venues;
  const all = { ...settingsSchema(venues).parse({}).venues, ...settings.venues };
  const named = Object.entries(all).filter(([id]) => chosen.includes(id));
  return Object.fromEntries(named.map(([id, venue]) => [id, { ...venue, enabled: true }]));
}

function chooseFeeds(feeds: VenueSettings['feeds'], overrides: Overrides): VenueSettings['feeds'] {
  const choose = <F extends { enabled: boolean; capture: boolean }>(name: Feed, feed: F): F => ({
    ...feed,
    enabled: overrides.feeds === undefined ? feed.enabled : overrides.feeds.includes(name),
    capture: feed.capture || overrides.capture === true,
  });
  const { ticker, orderbook, trades } = feeds;
  return {
    ...(ticker && { ticker: choose('ticker', ticker) }),
    ...(orderbook && { orderbook: choose('orderbook', orderbook) }),
    ...(trades && { trades: choose('trades', trades) }),
  };
}

function unknownNames(
  option: string,
  names: readonly string[] | undefined,
  known: readonly string[],
): readonly SettingsProblem[] {
  if (names === undefined) return [];
  if (names.length === 0) return [optionProblem(option, `one or more of ${known.join(', ')}`, undefined)];
  return names
    .filter((name) => !known.includes(name))
    .map((name) => optionProblem(option, oneOfHint(name, known), name));
}

/** By the schema's own rules, as if the file had held them. */
function checkEndpoints(
  given: NonNullable<Overrides['endpoints']>,
  venues: readonly VenueDeclaration[],
): Checked<Settings['venues']> {
  const asFile = Object.fromEntries(Object.entries(given).map(([id, endpoints]) => [id, { endpoints }]));
  const judged = judgeSettings({ venues: asFile }, venues);
  if (judged.ok) return ok(judged.value.venues);
  return err(
    judged.error.map(({ path, expected, got }) =>
      problem({ file: null, line: null, column: null, path: pathText(path), expected, got }),
    ),
  );
}
