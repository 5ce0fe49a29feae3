/** The settings as they hold, and others taken over while everything runs: one after the other, each part alone. */

import type { Mode, Settings, VenueSettings } from '../../config/schema.ts';
import { keyOf } from '../core/venue.ts';
import type { Fleet } from './fleet.ts';
import type { Fact } from './protocol.ts';
import type { RollCall } from './roll-call.ts';
import { settingsDiff, type VenueStep } from './settings-diff.ts';
import { type Station, unlistedText } from './station.ts';

export interface TakeoverPort {
  /** Those of the start; it is kept up here. */
  readonly stations: Station[];
  readonly fleet: Pick<Fleet, 'begin' | 'end' | 'renew'>;
  readonly rollCall: Pick<RollCall, 'ask' | 'again' | 'forget'>;
  /** Null for a venue that is not known here. */
  station(key: string, settings: Settings): Station | null;
  /** The file has another mode than before. */
  onMode(mode: Mode): void;
  /** A line that operators look for. */
  say(line: string): void;
  note(fact: Fact): void;
}

export interface Takeover {
  settings(): Settings;
  /** Why some of the file does not hold; null: all of it does. */
  error(): string | null;
  /** The file holds these now. Resolves when they hold, but for what is refused: to be waited for before the next. */
  apply(next: Settings): Promise<void>;
  /** The file is wrong: what holds stays. */
  refuse(problems: readonly string[]): void;
}

export function createTakeover(first: Settings, port: TakeoverPort): Takeover {
  const { stations, fleet, rollCall } = port;
  let holding = first;
  let wrong: readonly string[] = [];
  /** Symbols of the file that are not recorded, since their venue does not list them. */
  let unlisted: readonly string[] = [];
  /** What was told to wait for the next start. */
  let waiting: readonly string[] = [];

  const stationOf = (key: string): Station | undefined => stations.find((one) => keyOf(one.venue) === key);

  const end = async (key: string): Promise<void> => {
    const station = stationOf(key);
    if (station === undefined) return;
    await fleet.end(station.venue.id);
    stations.splice(stations.indexOf(station), 1);
    station.close();
    rollCall.forget(station.venue.id);
  };

  /** The settings of the venue without the symbols that it does not list; these are remembered. */
  const listed = async (
    station: Station,
    wanted: VenueSettings,
    added: readonly string[],
  ): Promise<VenueSettings> => {
    const located = added.flatMap((symbol) => station.venue.locate(symbol) ?? []);
    const missing = located.length === 0 ? [] : await rollCall.ask(station, located);
    const named = { venue: station.venue, settings: wanted };
    unlisted = [...unlisted, ...missing.map((symbol) => unlistedText(named, symbol))];
    return { ...wanted, symbols: wanted.symbols.filter((symbol) => !missing.includes(symbol)) };
  };

  const add = async (key: string, next: Settings): Promise<VenueSettings | undefined> => {
    const station = port.station(key, next);
    if (station === null) return undefined;
    const taken = await listed(station, station.settings, station.settings.symbols);
    if (taken.symbols.length === 0) {
      station.close();
      rollCall.forget(station.venue.id);
      return undefined;
    }
    station.take(taken);
    stations.push(station);
    for (const feed of station.venue.feeds) if (taken.feeds[feed]?.enabled) await fleet.begin(station, feed);
    rollCall.again(station);
    return taken;
  };

  const change = async (
    step: Extract<VenueStep, { do: 'change' }>,
    wanted: VenueSettings,
  ): Promise<VenueSettings> => {
    const station = stationOf(step.key);
    if (station === undefined) return wanted;
    const taken = await listed(station, wanted, step.added);
    station.take(taken);
    for (const feed of step.stop) await fleet.end(station.venue.id, feed);
    for (const feed of [...step.restart, ...step.start]) await fleet.begin(station, feed);
    await fleet.renew(station);
    if (step.added.length + step.removed.length > 0) rollCall.again(station);
    return taken;
  };

  /** The venue as it holds after the step; undefined when it is not recorded. */
  const take = async (step: VenueStep, next: Settings): Promise<VenueSettings | undefined> => {
    const wanted = next.venues[step.key];
    switch (step.do) {
      case 'remove':
        await end(step.key);
        return wanted;
      case 'add':
        return add(step.key, next);
      case 'renew':
        await end(step.key);
        return add(step.key, next);
      case 'change':
        return wanted && change(step, wanted);
    }
  };

  const apply = async (next: Settings): Promise<void> => {
    const before = holding;
    const diff = settingsDiff(before, next);
    const { paths, writer, http } = before;
    // What is asked for while a venue is being taken over is asked for by the new numbers.
    holding = { ...next, paths, writer, http, venues: before.venues };
    const wasWrong = wrong.length + unlisted.length > 0;
    wrong = [];
    unlisted = [];
    if (before.runtime.mode !== next.runtime.mode) port.onMode(next.runtime.mode);
    const venues = { ...next.venues };
    for (const step of diff.venues) {
      const taken = await take(step, next);
      if (taken === undefined) delete venues[step.key];
      else venues[step.key] = taken;
    }
    holding = { ...holding, venues };
    tell(settingsDiff(before, holding).now, diff.later, wasWrong);
  };

  const tell = (now: readonly string[], later: readonly string[], wasWrong: boolean): void => {
    const news = later.filter((one) => !waiting.includes(one)).map((one) => `${one}: at the next start`);
    waiting = later;
    const isMended = wasWrong && unlisted.length === 0;
    if (now.length + news.length + unlisted.length === 0 && !isMended) return;
    const taken = [...now, ...news].join('; ');
    if (taken !== '') port.say(`[OK] settings: ${taken}`);
    else if (isMended) port.say('[OK] settings: right again, and nothing else has changed');
    for (const one of unlisted) port.say(`[NG] settings not taken over: ${one}`);
    port.note({ type: 'settings', scope: 'collector', changes: now, at_start: news, refused: unlisted });
  };

  return {
    settings: () => holding,
    error() {
      const [one, ...more] = [...wrong, ...unlisted];
      if (one === undefined) return null;
      return `settings not taken over: ${one}${more.length === 0 ? '' : ` and ${more.length} more`}`;
    },
    apply,
    refuse(problems) {
      wrong = problems;
      for (const one of problems) port.say(`[NG] settings not taken over: ${one}`);
      port.note({ type: 'settings', scope: 'collector', changes: [], at_start: [], refused: problems });
    },
  };
}
