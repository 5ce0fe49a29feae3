/** Settings taken over by parts that only write down what they are asked for. */

import { beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Settings, settingsSchema } from '../../config/schema.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import { settingsDiff } from '../../src/runtime/settings-diff.ts';
import type { Station } from '../../src/runtime/station.ts';
import { createTakeover, type Takeover } from '../../src/runtime/takeover.ts';
import { VENUES, venueById } from '../../src/venues/index.ts';

const settings = (text: string): Settings => settingsSchema(VENUES).parse(parse(text));
const venue = (id: string) => {
  const found = venueById(id);
  if (found === undefined) throw new Error(`no venue ${id}`);
  return found;
};

let did: string[];
let facts: Fact[];
let lines: string[];
let unlisted: readonly string[];
let stations: Station[];
let takeover: Takeover;

function stationOf(key: string, all: Settings): Station | null {
  const first = all.venues[key];
  if (first === undefined) return null;
  let own = first;
  const located = () => own.symbols.flatMap((symbol) => venue(key).locate(symbol) ?? []);
  const parts: Pick<Station, 'venue' | 'settings' | 'located' | 'take' | 'close'> = {
    venue: venue(key),
    get settings() {
      return own;
    },
    get located() {
      return located();
    },
    take(next) {
      own = next;
      did.push(`${key} takes ${next.symbols.join()} at ${next.rate.max_info_rpm}`);
    },
    close: () => did.push(`${key} closes`),
  };
  return parts as Station;
}

function start(text: string): void {
  const first = settings(text);
  [did, facts, lines, unlisted] = [[], [], [], []];
  stations = Object.keys(first.venues).flatMap((key) => stationOf(key, first) ?? []);
  takeover = createTakeover(first, {
    stations,
    fleet: {
      begin: async (station, feed) => void did.push(`begin ${station.venue.id}.${feed}`),
      end: async (id, feed) => void did.push(`end ${id}${feed === undefined ? '' : `.${feed}`}`),
      renew: async (station) =>
        void did.push(`renew ${station.venue.id} ${station.located.map(({ id }) => id).join()}`),
    },
    rollCall: {
      async ask(station, located) {
        did.push(`ask ${station.venue.id} ${located.map(({ symbol }) => symbol).join()}`);
        return located.map(({ symbol }) => symbol).filter((symbol) => unlisted.includes(symbol));
      },
      again: (station) => did.push(`again ${station.venue.id}`),
      forget: (id) => did.push(`forget ${id}`),
    },
    station: stationOf,
    onMode: (mode) => did.push(`mode ${mode}`),
    say: (line) => lines.push(line),
    note: (fact) => facts.push(fact),
  });
}

const OKX = 'venues: { okx: { symbols: [BTC/USDT] } }';
beforeEach(() => start(OKX));

describe('a venue', () => {
  test('that is new is asked for its symbols before its feeds begin', async () => {
    await takeover.apply(settings(`${OKX.slice(0, -1)}, bybit: { feeds: { ticker: { enabled: false } } } }`));
    expect(did).toEqual([
      'ask bybit BTC/USDT',
      'bybit takes BTC/USDT at 240',
      'begin bybit.orderbook',
      'begin bybit.trades',
      'again bybit',
    ]);
    expect(stations.map((one) => one.venue.id)).toEqual(['okx', 'bybit']);
    expect(lines).toEqual(['[OK] settings: venues.bybit: begins']);
    expect(facts).toEqual([
      {
        type: 'settings',
        scope: 'collector',
        changes: ['venues.bybit: begins'],
        at_start: [],
        refused: [],
      },
    ]);
  });

  test('that is gone ends in order, and nothing of it is kept', async () => {
    await takeover.apply(settings('venues: { okx: { enabled: false } }'));
    expect(did).toEqual(['end okx', 'okx closes', 'forget okx']);
    expect(stations).toEqual([]);
  });

  test('that lists none of its symbols does not begin, and is tried again with the next settings', async () => {
    const more = `${OKX.slice(0, -1)}, bybit: { symbols: [NOPE/USDT] } }`;
    unlisted = ['NOPE/USDT'];
    await takeover.apply(settings(more));
    expect(did).toEqual(['ask bybit NOPE/USDT', 'bybit closes', 'forget bybit']);
    expect(stations).toHaveLength(1);
    unlisted = [];
    await takeover.apply(settings(`${more}\nhealth: { max_rss_mb: 900 }`));
    expect(stations).toHaveLength(2);
    expect(takeover.error()).toBeNull();
    expect(takeover.settings()).toEqual(settings(`${more}\nhealth: { max_rss_mb: 900 }`));
  });

  test('that is reached elsewhere is left and begun anew', async () => {
    await takeover.apply(
      settings('venues: { okx: { symbols: [BTC/USDT], endpoints: { ws: "ws://127.0.0.1:1" } } }'),
    );
    expect(did.slice(0, 4)).toEqual(['end okx', 'okx closes', 'forget okx', 'ask okx BTC/USDT']);
    expect(stations[0]?.settings.endpoints).toEqual({ ws: 'ws://127.0.0.1:1' });
  });
});

describe('symbols', () => {
  test('that come and go, and a rate: asked for first, then told to the feeds', async () => {
    await takeover.apply(
      settings('venues: { okx: { symbols: [ETH/USDT, SOL/USDT], rate: { max_info_rpm: 9 } } }'),
    );
    expect(did).toEqual([
      'ask okx ETH/USDT,SOL/USDT',
      'okx takes ETH/USDT,SOL/USDT at 9',
      'renew okx ETH-USDT,SOL-USDT',
      'again okx',
    ]);
  });

  test('that the venue does not list are refused until the file is right; the others are taken', async () => {
    const wrong = 'venues: { okx: { symbols: [NOPE/USDT, BTC/USDT, ETH/USDT] } }';
    const text = 'venues.okx.symbols[0]: expected a symbol that okx lists, got "NOPE/USDT"';
    unlisted = ['NOPE/USDT'];
    await takeover.apply(settings(wrong));
    expect(did).toContain('renew okx BTC-USDT,ETH-USDT');
    expect(lines).toEqual([
      '[OK] settings: venues.okx.symbols: +ETH/USDT',
      `[NG] settings not taken over: ${text}`,
    ]);
    expect(facts).toMatchObject([{ changes: ['venues.okx.symbols: +ETH/USDT'], refused: [text] }]);
    expect(takeover.error()).toBe(`settings not taken over: ${text}`);
    await takeover.apply(settings('venues: { okx: { symbols: [BTC/USDT, ETH/USDT] } }'));
    expect(takeover.error()).toBeNull();
    expect(did.filter((one) => one.startsWith('ask'))).toHaveLength(1);
  });
});

test('feeds: those that end, those that begin anew, then those that go on', async () => {
  const feeds = 'ticker: { enabled: false }, orderbook: { depth: 5 }, trades: { rest: { interval_sec: 9 } }';
  await takeover.apply(settings(`venues: { okx: { symbols: [BTC/USDT], feeds: { ${feeds} } } }`));
  expect(did.slice(1)).toEqual(['end okx.ticker', 'begin okx.orderbook', 'renew okx BTC-USDT']);
});

test('the mode is handed on, and told by nobody else', async () => {
  await takeover.apply(settings(`runtime: { mode: DEBUG }\n${OKX}`));
  await takeover.apply(settings(`runtime: { mode: DEBUG }\n${OKX}`));
  expect([did, lines, facts]).toEqual([['mode DEBUG'], [], []]);
});

test('what waits for the next start is told once, and does not hold', async () => {
  const text = `paths: { data: /elsewhere }\n${OKX}`;
  await takeover.apply(settings(text));
  await takeover.apply(settings(`${text}\nhealth: { max_rss_mb: 900 }`));
  expect(lines).toEqual([
    '[OK] settings: paths.data: ./data -> /elsewhere: at the next start',
    '[OK] settings: health.max_rss_mb: 1500 -> 900',
  ]);
  expect(takeover.settings().paths.data).toBe('./data');
  expect(settingsDiff(settings(text), takeover.settings()).venues).toEqual([]);
});

test('a file that is wrong is a reason until it is right; what holds stays', async () => {
  takeover.refuse(['settings.yaml:1:1 a: expected b, got c', 'settings.yaml:2:1 d: expected e, got f']);
  expect(takeover.error()).toBe('settings not taken over: settings.yaml:1:1 a: expected b, got c and 1 more');
  expect(lines).toHaveLength(2);
  expect(facts.map(({ type, changes }) => [type, changes])).toEqual([['settings', []]]);
  expect([did, takeover.settings()]).toEqual([[], settings(OKX)]);
  await takeover.apply(settings(OKX));
  expect(takeover.error()).toBeNull();
  expect(lines.at(-1)).toBe('[OK] settings: right again, and nothing else has changed');
  expect(facts.at(-1)).toMatchObject({ type: 'settings', changes: [], refused: [] });
});
