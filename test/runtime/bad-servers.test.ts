/** Every venue's REST on a bad day: real servers, and what becomes of preflight, snapshots and polls. */

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FEEDS } from '../../src/core/event.ts';
import { seededRandom } from '../../src/core/random.ts';
import { systemClock } from '../../src/io/clock.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import { createRollCall, type RollCall } from '../../src/runtime/roll-call.ts';
import type { Station } from '../../src/runtime/station.ts';
import { VENUES } from '../../src/venues/index.ts';
import { type BadServer, badServer, ERROR_BODIES, type Kind } from '../support/bad-servers.ts';
import { simulator } from '../support/collector.ts';
import { playFeed } from '../support/feed.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { closeStation, NO_PACE, stationOf } from '../support/station.ts';

/** Short where it is met; else so long that a busy machine does not meet it. */
const timeoutMs = (kind: Kind): number => (kind === 'slow' || kind === 'mute' ? 40 : 10_000);
/** Of one request: no longer than its timeout, or at once, and what a busy machine adds. */
const BOUND_MS = 3_000;

/** What a whole answer that is none of the venue's is called, by its kind. */
const LIES = { page: 'not_json', 'empty object': 'wrong_shape', 'empty array': 'wrong_shape' } as const;
const KINDS: readonly Kind[] = [
  'unreachable',
  'slow',
  'mute',
  'cut',
  'error body',
  'page',
  'empty object',
  'empty array',
];
const CASES = VENUES.flatMap(({ id }) => KINDS.map((kind) => [id, kind] as const));

function codeOf(venue: string, kind: Kind): string {
  switch (kind) {
    case 'unreachable':
      return 'ECONNREFUSED';
    case 'slow':
    case 'mute':
      return 'ETIMEDOUT';
    case 'cut':
      return 'ECONNRESET';
    case 'error body':
      return ERROR_BODIES[venue]?.code ?? '';
    default:
      return LIES[kind];
  }
}

let folder: string;
let server: BadServer | null = null;
const stations: Station[] = [];
const rollCalls: RollCall[] = [];
beforeEach(async () => {
  folder = await tempFolder();
  mkdirSync(join(folder, 'raw'));
});
afterEach(async () => {
  for (const one of rollCalls.splice(0)) await one.stop();
  for (const one of stations.splice(0)) closeStation(one);
  await server?.stop();
  await removeFolder(folder);
});

const endpointsAt = (id: string, origin: string) =>
  id === 'binance' ? { rest: origin, futures_rest: origin } : { rest: origin };

async function badStation(id: string, kind: Kind): Promise<Station> {
  server = await badServer(kind, id, 60_000);
  const station = stationOf(
    id,
    { endpoints: endpointsAt(id, server.origin), rate: NO_PACE },
    { restTimeoutMs: timeoutMs(kind) },
  );
  stations.push(station);
  // ccxt is loaded once a process, which is no part of what is measured.
  await station.rest.ask({ method: 'none', params: {}, weight: 0, window: '', market: null }, 'poll', 'test');
  return station;
}

function call(stationsOf: readonly Station[]) {
  const lines: string[] = [];
  const facts: Fact[] = [];
  const rollCall = createRollCall({
    stations: stationsOf,
    clock: systemClock(),
    random: seededRandom(1),
    kind: 'live',
    dataDir: folder,
    say: (line) => lines.push(line),
    note: (fact) => facts.push(fact),
    onError: (scope, why) => facts.push({ type: 'error', scope, ...why }),
  });
  rollCalls.push(rollCall);
  return { rollCall, lines, facts };
}

/** Every permit that was given has ended as an outcome, or was given back; nobody waits. */
function expectSettled({ governor }: Station, sent: number): void {
  const { permits_total, waiting, outcomes_total } = governor.stats();
  const ended = Object.values(outcomes_total).reduce((a, b) => a + b, 0);
  expect([permits_total, ended, waiting]).toEqual([sent, sent, 0]);
}

describe.each(CASES)('%s, %s', (id, kind) => {
  const code = codeOf(id, kind);

  test('its preflight fails with a reason, within its time, and is not rows; the status tells', async () => {
    const station = await badStation(id, kind);
    const { rollCall, lines, facts } = call([station]);
    const fromMs = performance.now();
    expect(await rollCall.first()).toEqual([]);
    expect(performance.now() - fromMs).toBeLessThan(BOUND_MS);
    expect(rollCall.venues()[id]).toMatchObject({ rest_ok: false, not_trading: [], clock_offset_ms: null });
    expect(rollCall.failures().get(id)).toMatch(new RegExp(`^preflight ${code} \\S`));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^\\[NG\\] preflight: ${id}\\.ticker\\.preflight ${code} .*--sim`));
    expect(facts.map(({ type, scope, code }) => [type, scope, code])).toEqual([['preflight', id, code]]);
    await rollCall.stop();
    // A whole answer with a good status is one to the governor, unless ccxt knows better.
    if (!(kind in LIES)) expect(station.governor.stats().outcomes_total).toEqual({ ERR: 1 });
    expectSettled(station, 1);
  });

  test('a snapshot, a poll of each feed and the clock fail within their time, and are no rows', async () => {
    const station = await badStation(id, kind);
    const { venue, located, rest } = station;
    const [one] = located;
    if (one === undefined) throw new Error('no symbol');
    const fromMs = performance.now();
    let sent = 0;
    for (const feed of FEEDS) {
      for (const transport of ['rest', 'ws'] as const) {
        const played = playFeed(id, feed, [one.symbol], {}, null, { transport });
        played.run.credit(1_000);
        for (const { handlers } of played.sources) handlers.onOpen();
        played.clock.advance(0);
        for (const ask of played.asks) {
          const result = await rest.ask(ask.call, ask.priority, 'test');
          sent += 1;
          if (!result.ok) expect(result.error).toEqual({ code, message: expect.any(String), retry: 'later' });
          await ask.answer(result);
        }
        played.clock.advance(1_000);
        expect(played.rows()).toEqual([]);
        // A page of no trades is one: nothing was traded yet.
        const isAnswer =
          kind === 'empty array' && feed === 'trades' && (id === 'binance' || id === 'bitflyer');
        const told = played.facts().map((fact) => [fact.type, fact.code]);
        const failed = [transport === 'rest' ? 'poll_failed' : 'snapshot_failed', code];
        if (played.asks.length > 0 && !isAnswer) expect([feed, transport, ...told]).toContainEqual(failed);
        await played.run.stop();
      }
    }
    const clock = venue.rest.clock(located);
    if (clock !== null) {
      sent += 1;
      const answer = await rest.ask(clock, 'backfill', 'test');
      const read = answer.ok ? venue.rest.readClock(answer.value.text) : answer;
      expect(read).toMatchObject({ ok: false, error: { code } });
    }
    expect(performance.now() - fromMs).toBeLessThan(sent * BOUND_MS);
    expectSettled(station, sent);
  });
});

test.each(KINDS)('one that is %s holds nobody up: the others pass, and are recorded', async (kind) => {
  const { sim } = await simulator(1);
  const bad = await badStation('bybit', kind);
  const good = ['bitflyer', 'binance', 'okx'].map((id) =>
    stationOf(id, { endpoints: sim.endpoints[id], rate: NO_PACE }, { restTimeoutMs: 5_000 }),
  );
  stations.push(...good);
  const { rollCall, lines } = call([bad, ...good]);
  expect(await rollCall.first()).toEqual([]);
  const states = Object.entries(rollCall.venues()).map(([id, { rest_ok }]) => [id, rest_ok]);
  expect(Object.fromEntries(states)).toEqual({ bybit: false, bitflyer: true, binance: true, okx: true });
  expect(lines.map((line) => line.slice(0, 30)).sort()).toEqual(
    [
      '[NG] preflight: bybit.ticker.p',
      '[OK] preflight: binance.ticker',
      '[OK] preflight: bitflyer.ticke',
      '[OK] preflight: okx.ticker.pre',
    ].sort(),
  );
  await rollCall.stop();
  const kept = JSON.parse(readFileSync(join(folder, 'raw/instruments.json'), 'utf8')) as { ex: string }[];
  expect([...new Set(kept.map(({ ex }) => ex))].sort()).toEqual(['binance', 'bitflyer', 'okx']);
  // The simulator's clock is ours, but that its market moves in steps.
  for (const { venue } of good) {
    const { clock_offset_ms: offset, clock_uncertainty_ms: uncertainty } = rollCall.venues()[venue.id] ?? {};
    expect(Math.abs(offset ?? Number.NaN)).toBeLessThanOrEqual((uncertainty ?? Number.NaN) + 100);
  }
  await sim.stop();
});
