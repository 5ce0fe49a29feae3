/** What goes wrong with a venue as a whole: its clock, its market, its numbers; and what it says before it goes. */

import { type Armed, type Faults, matches } from './armed.ts';
import type { Client } from './client.ts';
import type { FaultOf } from './faults.ts';
import type { Note } from './journal.ts';
import type { Place, Places } from './place.ts';

export interface Conditions {
  /** Lets states begin and end. To be called before the markets' step. */
  step(): void;
  isPaused(place: Place): boolean;
  /** Numbers anew the books that a fault wants so, and tells the venue's own clients. */
  renumber(place: Place, own: readonly Client[]): void;
  /** What the venue tells a connection that it will close; null where it tells nothing. */
  noticeTo(client: Client): string | null;
}

type State = Armed<FaultOf<'skew' | 'market_pause'>>;

interface Options {
  readonly places: Places;
  readonly faults: Faults;
  readonly note: Note;
}

export function createConditions({ places, faults, note }: Options): Conditions {
  let states: readonly State[] = [];

  const tell = ({ id, fault }: State, state: 'begins' | 'ends'): void =>
    note(fault.venue, 'venue', { fault: { id, ...fault, state } });

  return {
    step() {
      const before = states;
      if (!faults.any() && before.length === 0) return;
      states = faults.on(['skew', 'market_pause']);
      for (const state of before) if (!states.includes(state)) tell(state, 'ends');
      for (const state of states) {
        if (before.includes(state)) continue;
        state.applied += 1;
        tell(state, 'begins');
      }
      for (const [id, { market }] of places) {
        const skews = states.flatMap(({ fault }) =>
          fault.kind === 'skew' && fault.venue === id ? [fault.skewMs] : [],
        );
        market.skew(skews.reduce((sum, ms) => sum + ms * 1000, 0));
      }
    },
    isPaused: ({ venue }) =>
      states.some(({ fault }) => fault.kind === 'market_pause' && fault.venue === venue.id),
    renumber({ venue, market, instruments }, own) {
      const isHere = ({ venue: id }: { readonly venue: string }): boolean => id === venue.id;
      const armed = faults.strike(['sequence_reset'], isHere);
      if (armed === null) return;
      const { fault, id } = armed;
      for (const instrument of instruments) {
        const { symbol } = instrument;
        if (!matches(fault, { venue: venue.id, path: null, symbol, feed: null })) continue;
        market.renumber(symbol);
        note(venue.id, 'venue', { fault: { id, ...fault, symbol } });
        for (const client of own) client.send(client.session.onRenumber?.(instrument) ?? []);
      }
    },
    noticeTo: ({ place, request }) =>
      place.venue.sim.faults?.notice?.(request.path, place.market.view.nowUs()) ?? null,
  };
}
