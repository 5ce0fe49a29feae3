/** What a virtual soak records, and how its venues are asked by REST: the real client, over the simulator in memory. */

import { type Settings, settingsSchema } from '../../../config/schema.ts';
import type { Clock } from '../../core/ports.ts';
import { ok } from '../../core/result.ts';
import { keyOf, type Venue } from '../../core/venue.ts';
import { createHttp } from '../../io/http.ts';
import { type Sender, unanswered } from '../../io/send.ts';
import { createGovernor } from '../../runtime/governor.ts';
import type { GovernorMemory } from '../../runtime/governor-memory.ts';
import type { Fact } from '../../runtime/protocol.ts';
import { createRest } from '../../runtime/rest.ts';
import { type Station, windowsOf } from '../../runtime/station.ts';
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
  const { sim, clock, memory, note } = port;
  const settings = port.settings.venues[keyOf(venue)];
  if (settings === undefined) throw new RangeError(`no settings of ${venue.id}`);
  const endpoints = sim.endpoints[venue.id] ?? {};
  const { max_info_rpm, share, decay, jitter, max_interval_sec, weights } = settings.rate;
  const governor = createGovernor({
    venue: venue.id,
    maxInfoRpm: max_info_rpm,
    share,
    windows: windowsOf(venue, settings),
    stretch: { decay, jitter, maxIntervalMs: max_interval_sec * 1000 },
    clock,
    memory,
  });
  const http = createHttp({
    ccxtId: venue.rest.ccxt,
    bases: venue.rest.bases(endpoints),
    timeoutMs: 10_000,
    clock,
    sender: memorySender(sim, () => port.onSend(venue.id)),
  });
  const rest = createRest({
    ...{ venue, governor, http, clock, weights: () => weights, redact: (text: string) => text, onFact: note },
    onSessionsPause: (ms) => port.pauseSessions(venue.id, ms),
  });
  const located = settings.symbols.flatMap((symbol) => venue.locate(symbol) ?? []);
  return {
    ...{ venue, settings, located, endpoints, governor, rest },
    // The settings of a soak do not change.
    take: () => undefined,
    close() {
      governor.close();
      http.close();
    },
  };
}
