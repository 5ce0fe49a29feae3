/** What a virtual soak records, and how its venues are asked by REST: the real client, over the simulator in memory. */

import { type Settings, settingsSchema } from '../../../config/schema.ts';
import type { Clock } from '../../core/ports.ts';
import { ok } from '../../core/result.ts';
import { keyOf, type Venue } from '../../core/venue.ts';
import { type Sender, unanswered } from '../../io/send.ts';
import type { GovernorMemory } from '../../runtime/governor-memory.ts';
import type { Fact } from '../../runtime/protocol.ts';
import { createStation, type Station } from '../../runtime/station.ts';
import type { MemorySim } from '../../sim/memory.ts';
import { VENUES } from '../../venues/index.ts';

/** A quiet spot market and a perpetual of each venue. */
export const SYMBOLS: Readonly<Record<string, readonly string[]>> = {
  binance: ['BTC/USDT', 'BTC/USDT:USDT'],
  bybit: ['BTC/USDT', 'BTC/USDT:USDT'],
  okx: ['BTC/USDT', 'BTC/USDT:USDT'],
  bitflyer: ['BTC/JPY', 'BTC/JPY:JPY'],
};

/** The venues, whose simulated markets are those that are recorded: others would only cost time. */
export const SOAKED: readonly Venue[] = VENUES.flatMap((venue) => {
  const symbols = SYMBOLS[venue.id];
  if (symbols === undefined) return [];
  const instruments = venue.sim.instruments.filter(({ symbol }) => symbols.includes(symbol));
  return [{ ...venue, sim: { ...venue.sim, instruments } }];
});

/** Rows are written once a second and made safe once a minute: a day of them is a million writes. */
export function soakSettings(data: string): Settings {
  return settingsSchema(VENUES).parse({
    paths: { data, logs: data },
    writer: { flush_ms: 1_000, fsync_ms: 60_000, reserve_mb: 0 },
    venues: Object.fromEntries(
      SOAKED.map((venue) => [keyOf(venue), { symbols: [...(SYMBOLS[venue.id] ?? [])] }]),
    ),
  });
}

/** ccxt's own URLs and its judgement of the answers, carried by the simulator. `onSend`: a request left us. */
export function memorySender(sim: Pick<MemorySim, 'get'>, onSend: () => void): Sender {
  return {
    async send(_, url) {
      onSend();
      const answer = await sim.get(url);
      return answer.ok ? ok(answer.value) : unanswered(answer.error);
    },
    close: () => undefined,
  };
}

export interface StationPort {
  readonly sim: Pick<MemorySim, 'get' | 'endpoints'>;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly memory: GovernorMemory;
  onSend(venue: string): void;
  note(fact: Fact): void;
  pauseSessions(venue: string, ms: number): void;
}

export function stationOf(venue: Venue, port: StationPort): Station {
  const { sim, clock, memory, note, pauseSessions } = port;
  const key = keyOf(venue);
  const own = port.settings.venues[key];
  if (own === undefined) throw new RangeError(`no settings of ${venue.id}`);
  const endpoints = sim.endpoints[venue.id] ?? {};
  const settings = { ...port.settings, venues: { [key]: { ...own, endpoints } } };
  const station = createStation(venue, settings, {
    ...{ clock, memory, note, pauseSessions, proxy: undefined, redact: (text: string) => text },
    sender: memorySender(sim, () => port.onSend(venue.id)),
  });
  if (station === null) throw new RangeError(`${venue.id} is off`);
  return station;
}
