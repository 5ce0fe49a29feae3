/** A venue's station as settings make it, with numbers that a test can wait for. */

import { settingsSchema } from '../../config/schema.ts';
import type { Clock } from '../../src/core/ports.ts';
import { systemClock } from '../../src/io/clock.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import { createStation, type Station } from '../../src/runtime/station.ts';
import { VENUES, venueById } from '../../src/venues/index.ts';

/** So fast that no test waits for its turn. */
export const NO_PACE = { max_info_rpm: 100_000, share: 0.9 };

export function stationOf(
  id: string,
  settings: object,
  more: { readonly clock?: Clock; readonly restTimeoutMs?: number; note?(fact: Fact): void } = {},
): Station {
  const venue = venueById(id);
  const parsed = settingsSchema(VENUES).parse({ venues: { [id]: settings } });
  const station =
    venue &&
    createStation(venue, parsed, {
      clock: more.clock ?? systemClock(),
      proxy: undefined,
      redact: (text) => text,
      note: more.note ?? (() => undefined),
      pauseSessions: () => undefined,
      ...(more.restTimeoutMs !== undefined && { restTimeoutMs: more.restTimeoutMs }),
    });
  if (!station) throw new Error(`no station ${id}`);
  return station;
}

export function closeStation(station: Station): void {
  station.close();
}
