/** A venue's station against real servers: what it sends is what its governor permitted, and when. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { settingsSchema } from '../../config/schema.ts';
import type { Venue } from '../../src/core/venue.ts';
import { systemClock } from '../../src/io/clock.ts';
import { preflight } from '../../src/runtime/preflight.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import { createStation, type Station } from '../../src/runtime/station.ts';
import { VENUES, venueById } from '../../src/venues/index.ts';
import { cannedServer } from '../support/canned.ts';
import { simulator } from '../support/collector.ts';
import { PROJECT } from '../support/place.ts';

const clock = systemClock();
const open: Station[] = [];
const facts: Fact[] = [];

afterEach(() => {
  for (const one of open.splice(0)) one.close();
  facts.length = 0;
});

function stationOf(venue: Venue, endpoints: Readonly<Record<string, string>>, more: object = {}): Station {
  const settings = settingsSchema(VENUES).parse({ venues: { [venue.id]: { endpoints, ...more } } });
  const station = createStation(venue, settings, {
    clock,
    proxy: undefined,
    redact: (text) => text,
    note: (fact) => facts.push(fact),
    pauseSessions: () => undefined,
  });
  if (station === null) throw new Error(`${venue.id} is off`);
  open.push(station);
  return station;
}

function okx(origin: string, rate: object = {}): Station {
  const venue = venueById('okx');
  if (venue === undefined) throw new Error('no okx');
  return stationOf(venue, { rest: origin }, { rate });
}

describe('every request', () => {
  it('of every venue’s preflight and snapshots is one permit', async () => {
    const { sim } = await simulator(1);
    await Promise.all(
      VENUES.map(async (venue) => {
        const symbols = venue.sim.instruments.slice(0, 3).map((one) => one.symbol);
        const one = stationOf(venue, sim.endpoints[venue.id] ?? {}, { symbols });
        const ask = (call: Parameters<typeof one.rest.ask>[0]) => one.rest.ask(call, 'resync', 'test');
        expect(await preflight(venue, one.located, ask)).toMatchObject({
          ok: true,
          value: { unlisted: [] },
        });
        const depths = one.located.flatMap((located) => venue.rest.depth(located, 200) ?? []);
        expect((await Promise.all(depths.map(ask))).map(({ ok }) => ok)).toEqual(depths.map(() => true));
        // Waits that are taken back, and a call that nobody knows, reach nobody.
        const [call] = venue.rest.instruments(one.located);
        if (call === undefined) throw new Error('no call');
        const abort = new AbortController();
        const late = [1, 2, 3].map(() => one.rest.ask(call, 'poll', 'late', abort.signal));
        const unknown = one.rest.ask({ ...call, method: 'publicGetNothing' }, 'poll', 'test');
        await new Promise((resolve) => setTimeout(resolve, 50));
        abort.abort();
        await Promise.all([...late, unknown]);
      }),
    );
    for (const { venue, governor } of open) {
      const { permits_total, rpm_60s, outcomes_total } = governor.stats();
      const requests = sim.requests()[venue.id];
      expect([venue.id, permits_total, rpm_60s]).toEqual([venue.id, requests, requests]);
      expect(outcomes_total).toEqual({ OK: requests });
    }
    await sim.stop();
  });

  it('goes by the one door: nothing else in the program makes a REST client', () => {
    const importers = ['src', 'workers', 'ops', 'config'].flatMap((folder) =>
      readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => join(folder, file))
        .filter((file) => /from '[./]*(src\/)?io\/http\.ts'/.test(readFileSync(join(PROJECT, file), 'utf8'))),
    );
    expect(importers).toEqual([join('src', 'runtime', 'station.ts')]);
  });
});

describe('the settings', () => {
  it('override every number: windows, weights, and how polling is stretched', async () => {
    const server = await cannedServer(() => ({ status: 200, body: '{"code":"0","data":[]}' }));
    const one = okx(server.origin, {
      max_info_rpm: 100,
      share: 0.5,
      max_interval_sec: 5,
      jitter: 0,
      windows: { instruments: { limit: 10, per_sec: 1 } },
      weights: { publicGetPublicInstruments: 4 },
    });
    const [call] = one.venue.rest.instruments(one.located);
    if (call === undefined) throw new Error('no call');
    await one.rest.ask(call, 'poll', 'test');
    expect(one.governor.stats()).toMatchObject({
      target_rpm: 50,
      windows: { instruments: { used: 4, cap: 5 } },
    });
    expect(one.governor.stretch()).toBe(1);
    await server.stop();
  });
});

describe('in real time', () => {
  it('429 with Retry-After: 7: no request for 7 s, one within 8', async () => {
    const server = await cannedServer((at) =>
      at === 0
        ? { status: 429, body: '{"code":"50011"}', headers: { 'Retry-After': '7' } }
        : { status: 200, body: '{"code":"0","data":[]}' },
    );
    const one = okx(server.origin);
    const [call] = one.venue.rest.instruments(one.located);
    if (call === undefined) throw new Error('no call');
    expect(await one.rest.ask(call, 'poll', 'a')).toMatchObject({ ok: false, error: { code: '429' } });
    expect(one.governor.stats()).toMatchObject({ throttle: true, state: 'paused', err_60s: 1 });
    const answers = ['a', 'b'].map((owner) => one.rest.ask(call, 'resync', owner));
    expect((await Promise.all(answers)).map(({ ok }) => ok)).toEqual([true, true]);
    const [first = 0, second = 0] = server.asked.map(({ atMs }) => atMs);
    expect(server.asked).toHaveLength(3);
    expect(second - first).toBeGreaterThanOrEqual(7_000);
    expect(second - first).toBeLessThan(8_000);
    expect(one.governor.stats()).toMatchObject({ state: 'recovering', outcomes_total: { OK: 2, 429: 1 } });
    expect(facts).toMatchObject([{ type: 'rate_limit', scope: 'okx', pause_sec: 7 }]);
    await server.stop();
  }, 15_000);
});
