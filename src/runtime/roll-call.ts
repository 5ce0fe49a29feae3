/** Preflight of every venue: said once for each outcome, tried again for ever where it fails, its instruments kept. */

import type { Cancel, Clock, Random } from '../core/ports.ts';
import { err, type Failure, failure, type Result } from '../core/result.ts';
import type { Instrument, Located, RestCall } from '../core/venue.ts';
import type { Kind } from '../io/data-dir.ts';
import { saveInstruments } from '../io/instruments.ts';
import { pollBudget } from './poll-budget.ts';
import { keepTrying, type Preflight, preflight } from './preflight.ts';
import type { Fact, Priority, RestText } from './protocol.ts';
import { feedOptions, type Station, unlistedText } from './station.ts';
import { createVenueClock, type VenueClock, type VenueClockStatus } from './venue-clock.ts';

/** The others need not wait longer for one that does not answer. */
const WAIT_MS = 5_000;
/** A symbol that is not traded, or not listed, is looked for again. */
const AGAIN_MS = 600_000;

export interface RollCallPort {
  /** Those of the start. */
  readonly stations: readonly Station[];
  readonly clock: Clock;
  readonly random: Random;
  readonly kind: Kind;
  readonly dataDir: string;
  say(line: string): void;
  note(fact: Fact): void;
  onError(scope: string, failure: Failure): void;
}

/** As it stands in `status.json`. */
export interface VenueState extends VenueClockStatus {
  /** Whether the last preflight passed; null before the first answer. */
  readonly rest_ok: boolean | null;
  /** Symbols of the settings that the venue lists, and that are not traded there now. */
  readonly not_trading: readonly string[];
}

export interface RollCall {
  /** Of the stations that there are. Resolves when each venue has answered, failed, or let us wait. Symbols that a venue does not list, in words. */
  first(): Promise<readonly string[]>;
  /** Asks for symbols that are new, at a running venue or at a new one; gives those that it does not list. */
  ask(station: Station, located: readonly Located[]): Promise<readonly string[]>;
  /** The venue's symbols are others now: one that had not passed is asked again. */
  again(station: Station): void;
  /** The venue is not recorded any more. */
  forget(venue: string): void;
  /** Why it has not passed, by venue. */
  failures(): ReadonlyMap<string, string>;
  venues(): Readonly<Record<string, VenueState>>;
  /** Resolves when nothing of it is under way any more. */
  stop(): Promise<void>;
}

interface Called {
  readonly station: Station;
  readonly clock: VenueClock;
  ok: boolean | null;
  notTrading: readonly string[];
  /** Some symbols are not listed, or not traded: worth another look. */
  isPartial: boolean;
  /** The newest line of it. */
  said: string;
  stop: Cancel;
}

export function createRollCall(port: RollCallPort): RollCall {
  const { clock, random, note } = port;
  const failing = new Map<string, string>();
  const instruments = new Map<string, Instrument>();
  let saving: Promise<void> = Promise.resolve();
  /** By venue. */
  const all = new Map(
    port.stations.map((station) => [station.venue.id, calledOf(station, clock, note)] as const),
  );
  const calledAt = (station: Station): Called => {
    const known = all.get(station.venue.id) ?? calledOf(station, clock, note);
    all.set(station.venue.id, known);
    return known;
  };

  /** Said once for each text, not for each of the endless tries; whether it was said now. */
  const say = (one: Called, line: string): boolean => {
    if (one.said === line) return false;
    one.said = line;
    port.say(line);
    return true;
  };

  const fail = (one: Called, code: string, message: string, hint = ''): void => {
    const { id } = one.station.venue;
    const text = `preflight ${code} ${message}`.slice(0, 250);
    one.ok = false;
    failing.set(id, text);
    if (say(one, `[NG] preflight: ${id}.ticker.${text}${hint}`))
      note({ type: 'preflight', scope: id, code, message });
  };

  const pass = (one: Called, slower: string | null): void => {
    const { id } = one.station.venue;
    one.ok = true;
    failing.delete(id);
    const idle = one.notTrading.length > 0 ? notTradingText(one.notTrading) : null;
    const asides = [idle, slower].filter((text) => text !== null).join('; ');
    const line = `[OK] preflight: ${id}.ticker.preflight${asides === '' ? '' : ` (${asides})`}`;
    if (say(one, line) && slower !== null)
      note({ type: 'preflight', scope: id, code: 'over_budget', message: slower });
  };

  /** Those that are not traded now, noted when others than before are not. */
  const tradingOf = (one: Called, notTrading: readonly string[]): void => {
    const before = one.notTrading.join();
    one.notTrading = notTrading;
    if (notTrading.join() === before) return;
    const scope = one.station.venue.id;
    if (notTrading.length === 0)
      note({ type: 'preflight', scope, code: 'trading', message: 'all symbols are trading again' });
    else note({ type: 'preflight', scope, code: 'not_trading', message: notTradingText(notTrading) });
  };

  const keep = (found: readonly Instrument[]): void => {
    for (const one of found) instruments.set(`${one.ex} ${one.id} ${one.market}`, one);
    // One after the other: each reads the file before it writes it.
    saving = saving.then(async () => {
      const saved = await saveInstruments(port.dataDir, [...instruments.values()]);
      if (!saved.ok) port.onError('raw/instruments.json', saved.error);
    });
  };

  const onResult = (one: Called, result: Result<Preflight>): void => {
    if (!result.ok) {
      const { code, message } = result.error;
      const paused = one.station.governor.pause();
      const hint = port.kind === 'live' ? ' (tried again for ever; without a network use --sim)' : '';
      return paused === null ? fail(one, code, message, hint) : fail(one, 'paused', paused.reason, hint);
    }
    const { unlisted, notTrading } = result.value;
    keep(result.value.instruments);
    tradingOf(one, notTrading);
    one.isPartial = unlisted.length + notTrading.length > 0;
    if (unlisted.length > 0) return fail(one, 'unlisted', `does not list ${unlisted.join(', ')}`);
    const { never, slower } = pollBudget(one.station);
    return never === null ? pass(one, slower) : fail(one, 'refused', never);
  };

  const round = (
    one: Called,
    located: readonly Located[],
    priority: Priority,
  ): Promise<Result<Preflight>> => {
    const { venue, rest } = one.station;
    return preflight(venue, located, async (call: RestCall): Promise<Result<RestText>> => {
      const answer = await rest.ask(call, priority, 'preflight');
      if (answer.ok) one.clock.saw(answer.value);
      return answer;
    });
  };

  /** Round after round until the venue answers. */
  const call = (
    one: Called,
    priority: Priority,
    onEnd: (result: Result<Preflight>) => void = () => undefined,
  ): void => {
    one.stop();
    one.stop = keepTrying(
      () => round(one, one.station.located, priority),
      { clock, random },
      (result) => {
        onResult(one, result);
        onEnd(result);
      },
    );
  };

  const first = (one: Called): Promise<readonly string[]> =>
    new Promise((resolve) => {
      let unlisted: readonly string[] = [];
      const stopWait = clock.after(WAIT_MS, () => {
        const late = failure('ETIMEDOUT', `no answer within ${WAIT_MS / 1000} s`);
        if (one.ok === null) onResult(one, err(late));
        resolve(unlisted);
      });
      const end = (): void => {
        stopWait();
        resolve(unlisted);
      };
      call(one, 'resync', (result) => {
        if (!result.ok) return end();
        unlisted = result.value.unlisted.map((symbol) => unlistedText(one.station, symbol));
        void one.clock.begin().then(end);
      });
    });

  const stopAgain = clock.every(AGAIN_MS, () => {
    for (const one of all.values()) if (one.isPartial) call(one, 'backfill');
  });

  return {
    first: async () => (await Promise.all([...all.values()].map(first))).flat(),
    async ask(station, located) {
      const one = calledAt(station);
      const result = await within(WAIT_MS, round(one, located, 'resync'), clock);
      // It is asked again for all its symbols; until then these are taken for its own, as at a start.
      if (!result.ok) {
        onResult(one, result);
        return [];
      }
      keep(result.value.instruments);
      const idle = new Set([...one.notTrading, ...result.value.notTrading]);
      tradingOf(one, [...idle]);
      one.isPartial ||= idle.size > 0;
      if (one.ok === null) {
        pass(one, null);
        void one.clock.begin();
      }
      return result.value.unlisted;
    },
    again(station) {
      if (failing.has(station.venue.id)) call(calledAt(station), 'resync');
    },
    forget(venue) {
      const one = all.get(venue);
      one?.stop();
      one?.clock.stop();
      all.delete(venue);
      failing.delete(venue);
      for (const [key, { ex }] of instruments) if (ex === venue) instruments.delete(key);
    },
    failures: () => failing,
    venues: () =>
      Object.fromEntries(
        [...all.values()].map(({ station, ok, notTrading, clock }) => [
          station.venue.id,
          { rest_ok: ok, not_trading: notTrading, ...clock.status() },
        ]),
      ),
    async stop() {
      stopAgain();
      for (const one of all.values()) {
        one.stop();
        one.clock.stop();
      }
      await saving;
    },
  };
}

/** The result, or a failure when it takes longer. */
function within<T>(ms: number, work: Promise<Result<T>>, clock: Clock): Promise<Result<T>> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () =>
      resolve(err(failure('ETIMEDOUT', `no answer within ${ms / 1000} s`))),
    );
    void work.then((result) => {
      cancel();
      resolve(result);
    });
  });
}

function calledOf(station: Station, clock: Clock, note: (fact: Fact) => void): Called {
  const { venue, located, settings, rest } = station;
  const own = createVenueClock({
    venue,
    located,
    options: feedOptions(settings),
    clock,
    ask: (call, priority) => rest.ask(call, priority, 'clock'),
    note,
  });
  const nothingYet = { ok: null, notTrading: [], isPartial: false, said: '' };
  return { station, clock: own, ...nothingYet, stop: () => undefined };
}

function notTradingText(symbols: readonly string[]): string {
  return `${symbols.join(', ')} ${symbols.length === 1 ? 'is' : 'are'} listed, not trading now`;
}
