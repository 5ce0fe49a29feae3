/** Preflight of every venue: said once for each outcome, tried again for ever where it fails, its instruments kept. */

import type { Cancel, Clock, Random } from '../core/ports.ts';
import { err, type Failure, failure, type Result } from '../core/result.ts';
import type { Instrument } from '../core/venue.ts';
import type { Kind } from '../io/data-dir.ts';
import { saveInstruments } from '../io/instruments.ts';
import { keepTrying, type Preflight, preflight } from './preflight.ts';
import type { Fact } from './protocol.ts';
import { type Station, unlistedText } from './station.ts';

/** The others need not wait longer for one that does not answer. */
const WAIT_MS = 5_000;

export interface RollCallPort {
  readonly stations: readonly Station[];
  readonly clock: Clock;
  readonly random: Random;
  readonly kind: Kind;
  readonly dataDir: string;
  say(line: string): void;
  note(fact: Fact): void;
  onError(scope: string, failure: Failure): void;
}

export interface RollCall {
  /** Resolves when each venue has answered, failed, or let us wait. Symbols that a venue does not list, in words. */
  first(): Promise<readonly string[]>;
  /** Why it has not passed, by venue. */
  failures(): ReadonlyMap<string, string>;
  /** By venue; null before the first answer. */
  restOk(): Readonly<Record<string, { readonly rest_ok: boolean | null }>>;
  /** Resolves when nothing of it is under way any more. */
  stop(): Promise<void>;
}

export function createRollCall(port: RollCallPort): RollCall {
  const { stations, clock, random } = port;
  const failing = new Map<string, string>();
  const restOk = new Map<string, boolean | null>(stations.map((one) => [one.venue.id, null]));
  const instruments = new Map<string, Instrument>();
  const cancels: Cancel[] = [];
  let saving: Promise<void> = Promise.resolve();

  /** Said once for each reason, not for each of the endless tries. */
  const fail = (id: string, code: string, message: string): void => {
    const text = `preflight ${code} ${message}`.slice(0, 250);
    restOk.set(id, false);
    if (failing.get(id) === text) return;
    failing.set(id, text);
    const hint = port.kind === 'live' ? ' (tried again for ever; without a network use --sim)' : '';
    port.say(`[NG] preflight: ${id}.ticker.${text}${hint}`);
    port.note({ type: 'preflight', scope: id, code, message });
  };

  const onResult = (one: Station, result: Result<Preflight>): void => {
    const id = one.venue.id;
    if (!result.ok) {
      const { code, message } = result.error;
      const paused = one.governor.pause();
      return paused === null ? fail(id, code, message) : fail(id, 'paused', paused.reason);
    }
    for (const instrument of result.value.instruments) {
      instruments.set(`${id} ${instrument.id} ${instrument.market}`, instrument);
    }
    // One after the other: each reads the file before it writes it.
    saving = saving.then(async () => {
      const saved = await saveInstruments(port.dataDir, [...instruments.values()]);
      if (!saved.ok) port.onError('raw/instruments.json', saved.error);
    });
    const { unlisted } = result.value;
    if (unlisted.length > 0) return fail(id, 'unlisted', `does not list ${unlisted.join(', ')}`);
    failing.delete(id);
    restOk.set(id, true);
    port.say(`[OK] preflight: ${id}.ticker.preflight`);
  };

  const callOne = async (one: Station): Promise<readonly string[]> => {
    const round = () =>
      preflight(one.venue, one.located, {
        clock,
        random,
        ask: (call, priority) => one.rest.ask(call, priority, 'preflight'),
      });
    const result = await within(WAIT_MS, round(), clock);
    onResult(one, result);
    if (result.ok) return result.value.unlisted.map((symbol) => unlistedText(one, symbol));
    cancels.push(keepTrying(round, { clock, random }, (later) => onResult(one, later)));
    return [];
  };

  return {
    first: async () => (await Promise.all(stations.map(callOne))).flat(),
    failures: () => failing,
    restOk: () => Object.fromEntries([...restOk].map(([id, rest_ok]) => [id, { rest_ok }])),
    async stop() {
      for (const cancel of cancels) cancel();
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
