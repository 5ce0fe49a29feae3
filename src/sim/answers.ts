/** REST: what a venue answers, and what goes wrong with it. */

import type { Cancel, Clock } from '../core/ports.ts';
import type { SimResponse } from '../core/sim.ts';
import type { Venue } from '../core/venue.ts';
import { type Armed, type Faults, matches, type Target } from './armed.ts';
import type { FaultOf } from './faults.ts';
import type { Note } from './journal.ts';
import { createPast, type Past } from './past.ts';
import { charge, isNews, locate, type Place, type Places } from './place.ts';

export interface SimAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** False: the headers come, and then nothing more. */
  readonly isWhole: boolean;
}

export interface Answers {
  /** `url`: from the venue's prefix on. `reply` is called once, at once or after the time that a fault takes. */
  request(url: string, reply: (answer: SimAnswer) => void): Cancel;
  /** To be called at each step. */
  step(): void;
}

interface Options {
  readonly places: Places;
  readonly faults: Faults;
  readonly clock: Clock;
  readonly note: Note;
}

const KINDS = ['status', 'lying', 'half_open', 'malformed_answer', 'slow'] as const;
const OLDER_SEC = 2;
const JSON_TYPE = { 'content-type': 'application/json' };
const NOT_FOUND: SimAnswer = {
  status: 404,
  headers: JSON_TYPE,
  body: '{"error":"not found"}',
  isWhole: true,
};
const FEEDS = { depth: 'orderbook', ticker: 'ticker', trades: 'trades' } as const;
const nothing = (): void => undefined;

export function createAnswers({ places, faults, clock, note }: Options): Answers {
  const pasts = new Map<Place, Past>();
  const pastOf = (place: Place): Past => {
    const past = pasts.get(place) ?? createPast(place.market.view);
    pasts.set(place, past);
    return past;
  };

  const told = (place: Place, armed: Armed, path: string): void =>
    note(place.venue.id, 'rest', { fault: { id: armed.id, ...armed.fault, path } });

  /** A depth answer out of the past, where a fault wants one and the book has changed since. */
  const stale = (at: Located, target: Target): SimResponse | null => {
    const { place, request, path } = at;
    for (const { fault } of faults.on(['stale_snapshot'])) {
      if (!matches(fault, target) || target.feed !== 'orderbook') continue;
      const view = pastOf(place).view(fault.olderSec ?? OLDER_SEC);
      const answer = view === null ? null : place.venue.sim.rest(request, view);
      if (!view?.isOlder()) continue;
      const struck = faults.strike(['stale_snapshot'], (one) => one === fault);
      if (struck === null) continue;
      told(place, struck, path);
      return answer;
    }
    return null;
  };

  const answerTo = (
    at: Located,
    armed: Armed<FaultOf<(typeof KINDS)[number]>> | null,
    target: Target,
  ): SimAnswer => {
    const { place, request } = at;
    const { venue, market } = place;
    const fault = armed?.fault;
    const nowUs = market.view.nowUs();
    if (fault?.kind === 'status' || fault?.kind === 'lying') {
      const retryAfterSec = fault.kind === 'status' ? (fault.retryAfterSec ?? null) : null;
      const body = venue.sim.faults?.errorBody(fault.status ?? 500, nowUs, retryAfterSec) ?? '';
      const after = retryAfterSec === null ? {} : { 'retry-after': String(retryAfterSec) };
      const type = body.startsWith('{') ? JSON_TYPE : { 'content-type': 'text/html' };
      const status = fault.kind === 'status' ? fault.status : 200;
      return { status, headers: { ...type, ...after }, body, isWhole: true };
    }
    if (fault?.kind === 'half_open') return { status: 200, headers: JSON_TYPE, body: '', isWhole: false };
    const answer = (armed === null ? stale(at, target) : null) ?? venue.sim.rest(request, pastOf(place).now);
    if (answer === null) return NOT_FOUND;
    const isBroken = fault?.kind === 'malformed_answer';
    for (const entry of answer.journal ?? []) {
      if (isBroken) note(venue.id, 'rest', { ...entry, withheld: fault.kind });
      else if (isNews(place, entry)) note(venue.id, 'rest', entry);
    }
    const body = isBroken ? broken(answer.body) : answer.body;
    const headers = { ...JSON_TYPE, ...charge(place, answer, nowUs) };
    return { status: answer.status, headers, body, isWhole: true };
  };

  return {
    request(url, reply) {
      const at = locate(places, url);
      if (at === null) {
        reply(NOT_FOUND);
        return nothing;
      }
      at.place.requests += 1;
      const target = faults.any() ? targetOf(at) : null;
      const struck = target === null ? null : faults.strike(KINDS, (fault) => matches(fault, target));
      if (struck !== null) told(at.place, struck, at.path);
      const answer = (): void => reply(answerTo(at, struck, target ?? targetOf(at)));
      if (struck?.fault.kind === 'slow') return clock.after(struck.fault.delaySec * 1000, answer);
      answer();
      return nothing;
    },
    step() {
      const wanted = faults.on(['stale_snapshot']).map(({ fault }) => fault.venue);
      for (const [id, place] of places) {
        if (wanted.includes(id)) pastOf(place).remember();
        else pasts.get(place)?.forget();
      }
    },
  };
}

type Located = NonNullable<ReturnType<typeof locate>>;

function targetOf({ place, path }: Located): Target {
  const { venue, instruments } = place;
  const asked = recognised(venue, path);
  if (asked === null || asked.kind === 'instruments')
    return { venue: venue.id, path, symbol: null, feed: null };
  const found = instruments.find(({ symbol, market }) => {
    return market === asked.market && venue.locate(symbol)?.id === asked.id;
  });
  return { venue: venue.id, path, symbol: found?.symbol ?? null, feed: FEEDS[asked.kind] };
}

/** A path that is no URL's is nothing that the venue knows. */
function recognised({ rest }: Venue, path: string): ReturnType<Venue['rest']['recognise']> {
  const url = `http://sim${path}`;
  return URL.canParse(url) ? rest.recognise(url) : null;
}

/** JSON that breaks off. */
export function broken(text: string): string {
  return text.slice(0, Math.max(1, Math.floor(text.length * 0.6)));
}
