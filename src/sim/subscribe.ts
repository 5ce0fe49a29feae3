/** What a client's message brings: the venue's answer, or what a fault makes of it. */

import type { SimFrame, SimStream } from '../core/sim.ts';
import { type Faults, matches } from './armed.ts';
import type { Client } from './client.ts';
import type { Fault } from './faults.ts';

/** Throws on nonsense. */
export function subscribe(client: Client, text: string, faults: Faults): readonly SimFrame[] {
  const { place, request, session } = client;
  const { venue, instruments, market } = place;
  const asked = faults.any() ? (venue.sim.faults?.asked(text, request.path, instruments) ?? null) : null;
  if (asked === null) return session.onMessage(text);

  const isMeant =
    (fault: Fault) =>
    ({ symbol, feed }: SimStream): boolean =>
      matches(fault, { venue: venue.id, path: request.path, symbol, feed });
  const armed = faults.strike(['subscribe_refused', 'subscribe_ignored'], (fault) =>
    asked.streams.some(isMeant(fault)),
  );
  if (armed === null) return session.onMessage(text);
  const { fault } = armed;
  client.tell(armed, { streams: asked.streams.filter(isMeant(fault)) });
  const { texts, left } = asked.refuse(isMeant(fault));
  const taken = (): readonly SimFrame[] => (left === null ? [] : session.onMessage(left));
  if (fault.kind === 'subscribe_refused')
    return [...texts.map((one) => ({ text: one, journal: [] })), ...taken()];
  if (!fault.acknowledged) return taken();
  // A client of its own, for the acknowledgement alone.
  const idle = venue.sim.session(request, market.view);
  const acks = (idle?.onMessage(text) ?? []).filter(({ journal }) => journal.length === 0);
  const others = asked.only((stream) => !isMeant(fault)(stream));
  const data = others === null ? [] : session.onMessage(others).filter(({ journal }) => journal.length > 0);
  return [...acks, ...data];
}
