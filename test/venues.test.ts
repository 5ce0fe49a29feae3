/** One contract test over the registry: what every venue must be, whoever adds it. */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FEEDS, type Feed } from '../src/core/event.ts';
import { fileSymbol } from '../src/core/symbol.ts';
import type { ConnectionPlan, FeedOptions, Located, RestCall, Venue } from '../src/core/venue.ts';
import { systemClock } from '../src/io/clock.ts';
import { createHttp } from '../src/io/http.ts';
import { VENUES, venueById } from '../src/venues/index.ts';

/** Endpoint keys that settings may name (DESIGN 6.2). */
const ENDPOINT_KEYS = ['rest', 'ws', 'futures_rest', 'futures_ws'];
const SHARE = 0.9;
const OPTIONS: FeedOptions = { depth: 200, stream: null };

interface HelloLimits {
  readonly topicsPerHello: number;
  /** Bytes of one request. */
  readonly bytesPerHello: number;
  readonly topicsPerConnection: number;
  /** Characters of all topics of one connection together. */
  readonly charsPerConnection: number;
  /** Messages that the venue takes a second. */
  readonly perSecond: number;
  /** Hellos on one connection. */
  readonly hellos: number;
}

const FREE: HelloLimits = {
  topicsPerHello: Number.POSITIVE_INFINITY,
  bytesPerHello: Number.POSITIVE_INFINITY,
  topicsPerConnection: Number.POSITIVE_INFINITY,
  charsPerConnection: Number.POSITIVE_INFINITY,
  perSecond: Number.POSITIVE_INFINITY,
  hellos: Number.POSITIVE_INFINITY,
};

/** The venues' own pages, as `../shared/facts/crypto-venues.md` has them. */
const HELLO_LIMITS: Readonly<Record<string, HelloLimits>> = {
  binance: { ...FREE, topicsPerConnection: 1_024, perSecond: 5 },
  bybit: { ...FREE, topicsPerHello: 10, charsPerConnection: 21_000 },
  // 480 subscriptions an hour, of which the hellos leave the most for resyncs; 64 KB of arguments.
  okx: { ...FREE, bytesPerHello: 64 * 1024, charsPerConnection: 64 * 1024, hellos: 48 },
  bitflyer: FREE,
};

/** Connections that an address may open, the life of one, and requests on it: the venues' own pages. */
const CONNECTION_LIMITS: Readonly<Record<string, Pick<ConnectionPlan, 'connects' | 'lifeMs' | 'requests'>>> =
  {
    binance: { connects: { limit: 300, perMs: 300_000 }, lifeMs: 24 * 3_600_000, requests: null },
    bybit: { connects: { limit: 500, perMs: 300_000 }, lifeMs: null, requests: null },
    okx: { connects: { limit: 3, perMs: 1_000 }, lifeMs: null, requests: { limit: 480, perMs: 3_600_000 } },
    bitflyer: { connects: null, lifeMs: null, requests: null },
  };

/** The topics of one subscribing message, as texts. */
function topicsOf(venue: Venue, text: string): readonly string[] {
  const frame = JSON.parse(text) as { params?: unknown; args?: readonly unknown[] };
  const list = frame.args ?? (Array.isArray(frame.params) ? frame.params : [frame.params]);
  expect(list.length, `${venue.id}: ${text}`).toBeGreaterThan(0);
  return list.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
}

function locateAll(venue: Venue, symbols: readonly string[]): readonly Located[] {
  return symbols.flatMap((symbol) => venue.locate(symbol) ?? []);
}

/** Spot symbols and as many perpetuals, as far as the venue has such. */
function manySymbols(venue: Venue, count = 500): readonly Located[] {
  const quote = venue.defaultSymbols[0]?.split('/')[1] ?? 'USDT';
  const bases = Array.from({ length: count }, (_, at) => `COIN${at}`);
  return locateAll(
    venue,
    bases.flatMap((base) => [`${base}/${quote}`, `${base}/${quote}:${quote}`]),
  );
}

const simSymbols = (venue: Venue): readonly string[] => venue.sim.instruments.map((one) => one.symbol);

const each = VENUES.map((venue) => [venue.id, venue] as const);

describe('the registry', () => {
  test('ids are unique, are found by their name, and can stand in file names', () => {
    const ids = VENUES.map((venue) => venue.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const venue of VENUES) {
      expect(venueById(venue.id)).toBe(venue);
      expect(venue.id).toMatch(/^[a-z][a-z0-9]*$/);
    }
    expect(venueById('nobody')).toBeUndefined();
  });

  test('no host belongs to two', () => {
    const hosts = VENUES.flatMap((venue) => venue.hosts);
    expect(new Set(hosts).size).toBe(hosts.length);
  });

  test('every venue has its limits here', () => {
    expect(Object.keys(HELLO_LIMITS).sort()).toEqual(VENUES.map((venue) => venue.id).sort());
  });
});

describe.each(each)('%s', (id, venue) => {
  const limits = HELLO_LIMITS[id] ?? FREE;

  test('endpoints: known keys, origins, hosts of its own', () => {
    expect(Object.keys(venue.endpoints)).toEqual(expect.arrayContaining(['rest', 'ws']));
    for (const [key, url] of Object.entries(venue.endpoints)) {
      expect(ENDPOINT_KEYS).toContain(key);
      const { protocol, pathname, hostname, origin } = new URL(url);
      expect([protocol, pathname]).toEqual([key.endsWith('ws') ? 'wss:' : 'https:', '/']);
      if (protocol === 'https:') expect(url).toBe(origin);
      expect(url.endsWith('/')).toBe(false);
      expect(venue.hosts.some((host) => hostname === host || hostname.endsWith(`.${host}`))).toBe(true);
    }
  });

  test('feeds, a cap, and a symbol to begin with', () => {
    expect([...venue.feeds].sort()).toEqual([...FEEDS].sort());
    expect(venue.maxInfoRpm).toBeGreaterThan(0);
    expect(venue.defaultSymbols.length).toBeGreaterThan(0);
  });

  test('symbols go to the venue’s ids and back, each to its own file', () => {
    const symbols = [...new Set([...venue.defaultSymbols, ...simSymbols(venue)])];
    const located = locateAll(venue, symbols);
    expect(located.map((one) => one.symbol)).toEqual(symbols);
    for (const one of located) {
      expect([one.symbol, venue.symbolOf(one.id, one.market)]).toEqual([one.symbol, one.symbol]);
      expect(one.market).toBe(one.symbol.includes(':') ? 'linear' : 'spot');
    }
    expect(new Set(located.map((one) => `${one.market} ${one.id}`)).size).toBe(symbols.length);
    expect(new Set(symbols.map(fileSymbol)).size).toBe(symbols.length);
    for (const bad of ['', 'BTC', 'BTC/USDT:ETH', '../x', 'btc/usdt', 'BTC/USDT/X'])
      expect([bad, venue.locate(bad)]).toEqual([bad, null]);
    for (const bad of ['', ' ', '\0', '../x', '__proto__'])
      expect([bad, venue.symbolOf(bad, 'spot')]).toEqual([bad, null]);
  });

  describe.each(FEEDS)('%s', (feed) => {
    const dial = (instruments: readonly Located[], endpoints = venue.endpoints): readonly ConnectionPlan[] =>
      venue.dial({ feed, instruments, endpoints, options: OPTIONS });

    test('one symbol: connections with hellos, to its endpoints', () => {
      const plans = dial(locateAll(venue, venue.defaultSymbols.slice(0, 1)));
      expect(plans.length).toBeGreaterThan(0);
      for (const plan of plans) checkPlan(plan);
    });

    test('nothing to record: no connection', () => {
      expect(dial([])).toEqual([]);
    });

    test.each([1, 200, 1_000])(
      '%d symbols a market: each stream once, within the venue’s limits',
      (count) => {
        const instruments = manySymbols(venue, count);
        expect(instruments.length).toBeGreaterThanOrEqual(count);
        const plans = dial(instruments);
        for (const plan of plans) checkPlan(plan);
        expect(new Set(plans.map((plan) => plan.name)).size).toBe(plans.length);
        const topics = plans.flatMap((plan) =>
          plan.hellos.flatMap((hello) => topicsOf(venue, hello).map((topic) => `${plan.url} ${topic}`)),
        );
        expect(new Set(topics).size).toBe(topics.length);
        const dialled = new Set(plans.flatMap((plan) => plan.instruments.map((one) => one.symbol)));
        expect(dialled.size).toBe(instruments.length);
        for (const plan of plans) {
          const said = plan.hellos.join(' ').toLowerCase();
          for (const one of plan.instruments) expect(said).toContain(one.id.toLowerCase());
        }
        // The names of one feed are stable: a symbol at the end changes the last connections alone.
        const fewer = dial(instruments.slice(0, -1)).map((plan) => plan.hellos.join());
        expect(plans.filter((plan) => !fewer.includes(plan.hellos.join())).length).toBeLessThanOrEqual(3);
      },
    );

    test('ids as long as a venue has them: still within the limits', () => {
      const long = manySymbols(venue, 300).map((one) => ({ ...one, id: `${'X'.repeat(40)}${one.id}` }));
      for (const plan of dial(long)) checkPlan(plan);
    });

    test('behind a proxy: its prefix stays, and the market is still known', () => {
      const endpoints = Object.fromEntries(
        Object.keys(venue.endpoints).map((key) => [key, `ws://127.0.0.1:9001/${key}`]),
      );
      for (const plan of dial(manySymbols(venue).slice(0, 10), endpoints)) {
        expect(plan.url).toMatch(/^ws:\/\/127\.0\.0\.1:9001\/(futures_)?ws\/./);
        expect(venue.marketOf(plan.url)).toBe(plan.market);
      }
    });

    function checkPlan(plan: ConnectionPlan): void {
      expect(plan.url.startsWith('wss://')).toBe(true);
      expect(venue.marketOf(plan.url)).toBe(plan.market);
      if (plan.market !== null) for (const one of plan.instruments) expect(one.market).toBe(plan.market);
      expect(plan.instruments.length).toBeGreaterThan(0);
      expect(plan.hellos.length).toBeGreaterThan(0);
      expect(plan.hellos.length).toBeLessThanOrEqual(limits.hellos);
      expect(plan.paceMs).toBeGreaterThanOrEqual(1_000 / limits.perSecond);
      const all = plan.hellos.flatMap((hello) => {
        const topics = topicsOf(venue, hello);
        expect(topics.length).toBeLessThanOrEqual(limits.topicsPerHello);
        expect(Buffer.byteLength(hello)).toBeLessThanOrEqual(limits.bytesPerHello);
        return topics;
      });
      const { connects, lifeMs, requests } = plan;
      expect({ connects, lifeMs, requests }).toEqual(CONNECTION_LIMITS[id]);
      // Each stream is known by its name, its symbol, and the request that asks for it.
      const streams = plan.subscriptions.map(({ stream }) => stream);
      expect(streams).toHaveLength(all.length);
      for (const [at, hello] of plan.hellos.entries()) {
        const own = plan.subscriptions.filter((one) => one.hello === at + 1).map(({ stream }) => stream);
        expect(venue.request('subscribe', own, at + 1)).toBe(hello);
      }
      const symbols = new Set(plan.instruments.map((one) => one.symbol));
      expect(new Set(plan.subscriptions.map(({ symbol }) => symbol))).toEqual(symbols);
      expect(all.length).toBeLessThanOrEqual(limits.topicsPerConnection);
      expect(all.join('').length).toBeLessThanOrEqual(limits.charsPerConnection);
      if (plan.ping !== null) expect(plan.idleMs).toBeGreaterThan(plan.ping.everyMs);
      expect(plan.idleMs).toBeGreaterThanOrEqual(30_000);
    }
  });

  test('a book is begun in the way that its rule says', () => {
    for (const located of locateAll(venue, simSymbols(venue))) {
      const { snapshot } = venue.bookRule(located.market);
      expect(venue.rest.depth(located, 200) !== null).toBe(snapshot === 'rest');
    }
  });

  const past = (one: Located, stream: FeedOptions['stream']): readonly RestCall[] =>
    venue.rest.history === null ? [] : [venue.rest.history.call(one, { depth: 200, stream }, '7')];
  const pasts = (feed: Feed): readonly RestCall[] =>
    feed === 'trades'
      ? locateAll(venue, simSymbols(venue)).flatMap((one) => [
          ...past(one, 'trade'),
          ...past(one, 'aggTrade'),
        ])
      : [];
  const calls = (): readonly RestCall[] => {
    const located = locateAll(venue, simSymbols(venue));
    const depths = [1, 5, 100, 200, 1_000, 5_000];
    const books = located.flatMap((one) => depths.flatMap((depth) => venue.rest.depth(one, depth) ?? []));
    return [
      ...venue.rest.instruments(located),
      ...venue.rest.instruments(manySymbols(venue)),
      ...located.flatMap((one) => venue.rest.clock([one]) ?? []),
      ...venue.rest.catalogue(),
      ...books,
      ...polls('ticker'),
      ...polls('orderbook'),
      ...polls('trades'),
      ...pasts('trades'),
    ];
  };
  const polls = (feed: Feed): readonly RestCall[] =>
    (['trade', 'aggTrade'] as const).flatMap((stream) =>
      locateAll(venue, simSymbols(venue)).flatMap((one) =>
        venue.rest.poll(feed, one, { ...OPTIONS, stream }),
      ),
    );

  test('every feed can be polled, and the settings can change the weight of every call', () => {
    for (const feed of FEEDS) expect(polls(feed).length, feed).toBeGreaterThan(0);
    expect([...new Set(calls().map((call) => call.method))].sort()).toEqual([...venue.rest.methods].sort());
  });

  test('REST calls count against windows that there are, and fit each at 90 %', () => {
    const windows = new Map(venue.rest.windows.map((one) => [one.name, one]));
    expect(windows.size).toBe(venue.rest.windows.length);
    expect(calls().length).toBeGreaterThan(0);
    for (const call of calls()) {
      const window = windows.get(call.window);
      expect(call.weight).toBeGreaterThan(0);
      expect(call.weight).toBeLessThanOrEqual(SHARE * (window?.limit ?? 0));
    }
  });

  describe('over ccxt, to a real server', () => {
    let server: Server;
    let base: string;
    let asked: string[];

    beforeAll(async () => {
      asked = [];
      server = createServer((request, response) => {
        asked.push(request.url ?? '');
        response.end('{}');
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });
    afterAll(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    test('every call is one of ccxt’s, goes to our endpoint, and its URL is recognised', async () => {
      const endpoints = Object.fromEntries(
        Object.keys(venue.endpoints).map((key) => [key, `${base}/proxy/${key}`]),
      );
      const http = createHttp({
        ccxtId: venue.rest.ccxt,
        bases: venue.rest.bases(endpoints),
        timeoutMs: 5_000,
        clock: systemClock(),
      });
      for (const call of calls()) {
        const before = asked.length;
        const answer = await http.call(call.method, call.params);
        expect([call.method, answer.ok ? '' : answer.error.code]).not.toContain('unknown_endpoint');
        expect(asked.length, call.method).toBe(before + 1);
        const path = asked.at(-1) ?? '';
        const key = path.split('/')[2] ?? '';
        expect(ENDPOINT_KEYS).toContain(key);
        const direct = `${venue.endpoints[key]}${path.slice(`/proxy/${key}`.length)}`;
        for (const url of [direct, `${base}${path}`]) checkKnown(call, url);
      }
      http.close();
    });

    function checkKnown(call: RestCall, url: string): void {
      const known = venue.rest.recognise(url);
      const feed = FEEDS.find((one) =>
        [...polls(one), ...pasts(one)].some(({ method }) => method === call.method),
      );
      const kind = feed === undefined ? 'instruments' : feed === 'orderbook' ? 'depth' : feed;
      // What time it is stands in no recording.
      const isTime = /time$/i.test(call.method);
      expect([url, known?.kind ?? null]).toEqual([url, isTime ? null : kind]);
      if (isTime) return;
      if (known !== null && known.kind !== 'instruments') {
        const { symbol, instId, product_code } = call.params;
        expect([known.id, known.market]).toEqual([symbol ?? instId ?? product_code, call.market]);
      } else if (known?.market !== null) expect(known?.market).toBe(call.market);
    }

    test('another path is not recognised', () => {
      for (const path of ['/', '/api/v3/time', '/v5/market/time', '/v1/getchats'])
        expect(venue.rest.recognise(`${base}${path}`)).toBeNull();
    });
  });

  test('its simulator sells what it can locate, and knows its own paths alone', () => {
    expect(venue.sim.instruments.length).toBeGreaterThan(0);
    for (const one of venue.sim.instruments) {
      const located = venue.locate(one.symbol);
      expect([one.symbol, located?.market]).toEqual([one.symbol, one.market]);
      expect(one.symbol.startsWith(`${one.base}/${one.quote}`)).toBe(true);
    }
    expect(venue.defaultSymbols.filter((symbol) => !simSymbols(venue).includes(symbol))).toEqual([]);
  });
});
