/** The simulator's server as its clients meet it: real sockets, real HTTP. */

import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../src/io/clock.ts';
import { type Sim, type SimOptions, startSim } from '../../src/sim/server.ts';
import { VENUES } from '../../src/venues/index.ts';
import { manualClock } from '../support/clock.ts';
import type { Json } from './bench.ts';

const sims: Sim[] = [];
const clients: WebSocket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  for (const sim of sims.splice(0)) await sim.stop();
});

async function start(
  options: Partial<SimOptions> = {},
): Promise<{ readonly sim: Sim; readonly journal: Json[] }> {
  const journal: Json[] = [];
  const started = await startSim({
    host: '127.0.0.1',
    port: 0,
    seed: 1,
    rate: 20,
    venues: VENUES,
    symbols: {},
    clock: systemClock(),
    journal: (line) => journal.push(JSON.parse(line)),
    ...options,
  });
  if (!started.ok) throw new Error(started.error.message);
  sims.push(started.value);
  return { sim: started.value, journal };
}

interface Client {
  readonly socket: WebSocket;
  readonly received: string[];
  pings: number;
  readonly closed: Promise<number>;
}

async function open(url: string, hellos: readonly unknown[] = []): Promise<Client> {
  const socket = new WebSocket(url);
  clients.push(socket);
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  const client = { socket, received: [] as string[], pings: 0, closed };
  socket.on('message', (data) => client.received.push(data.toString()));
  socket.on('ping', () => {
    client.pings += 1;
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  for (const hello of hellos) socket.send(typeof hello === 'string' ? hello : JSON.stringify(hello));
  return client;
}

async function until(what: string, isSo: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const base = (sim: Sim, venue: string, key: string): string => sim.endpoints[venue]?.[key] ?? '';
const okxArgs = ['books', 'trades', 'tickers'].map((channel) => ({ channel, instId: 'BTC-USDT' }));

/** What a client of each venue says, and how it knows market data. */
const VISITS = [
  [
    'binance',
    'ws',
    '/stream',
    [{ method: 'SUBSCRIBE', params: ['btcusdt@trade', 'btcusdt@depth@100ms'], id: 1 }],
  ],
  ['binance', 'futures_ws', '/market/stream?streams=btcusdt@aggTrade/btcusdt@ticker', []],
  ['binance', 'futures_ws', '/public/ws/btcusdt@bookTicker', []],
  [
    'bybit',
    'ws',
    '/v5/public/spot',
    [{ op: 'subscribe', args: ['publicTrade.BTCUSDT', 'orderbook.1.BTCUSDT'] }],
  ],
  [
    'bybit',
    'ws',
    '/v5/public/linear',
    [{ op: 'subscribe', args: ['tickers.BTCUSDT', 'orderbook.200.BTCUSDT'] }],
  ],
  ['okx', 'ws', '/ws/v5/public', [{ op: 'subscribe', args: okxArgs }]],
  [
    'bitflyer',
    'ws',
    '/json-rpc',
    ['board', 'board_snapshot', 'ticker', 'executions'].map((kind, id) => ({
      ...{ jsonrpc: '2.0', method: 'subscribe', id },
      params: { channel: `lightning_${kind}_FX_BTC_JPY` },
    })),
  ],
] as const;

describe('clients', () => {
  test.each(VISITS)(
    '%s %s %s: gets what it asked for, and the journal has it, in order',
    async (...visit) => {
      const [venue, key, path, hellos] = visit;
      const { sim, journal } = await start();
      const client = await open(`${base(sim, venue, key)}${path}`, hellos);
      await until('40 messages came', () => client.received.length >= 40);
      sim.pause();
      const entries = () => journal.filter((line) => line.feed !== undefined && line.conn === `${venue}.1`);
      await until('the sender stands still', () => client.received.length >= sim.sent());
      for (const line of entries()) {
        expect(line).toMatchObject({ venue, symbol: expect.any(String), ts: expect.any(Number) });
        expect('timestampUs' in line).toBe(true);
      }
      // Each entry's digits are in a message, and the messages with such digits are in the journal's order.
      const text = client.received.join('\n');
      let at = 0;
      for (const { price, amount } of entries().filter((line) => line.feed === 'trades')) {
        at = text.indexOf(price, at);
        expect(at).toBeGreaterThan(0);
        expect(text.indexOf(amount)).toBeGreaterThan(0);
      }
      expect(journal.find((line) => line.connect !== undefined)).toMatchObject({ venue, conn: `${venue}.1` });
      client.socket.close(1000);
      await client.closed;
      await until('the close is in the journal', () => journal.some((line) => line.close === 1000));
    },
  );

  test('one stream to several clients: alike, and wrapped only where the path says so', async () => {
    const { sim } = await start();
    const names = 'btcusdt@trade';
    const raw = await open(`${base(sim, 'binance', 'ws')}/ws/${names}`);
    const wrapped = await open(`${base(sim, 'binance', 'ws')}/stream?streams=${names}`);
    const later = await open(`${base(sim, 'binance', 'ws')}/ws`, [
      { method: 'SUBSCRIBE', params: [names], id: 1 },
    ]);
    await until('all have some', () => [raw, wrapped, later].every(({ received }) => received.length > 10));
    for (const text of later.received.slice(1, 8)) expect(raw.received).toContain(text);
    for (const text of wrapped.received.slice(1, 8)) {
      const { stream, data } = JSON.parse(text) as Json;
      expect(stream).toBe(names);
      expect(raw.received).toContain(JSON.stringify(data));
    }
  });

  test('acknowledgements, refusals and pings of each venue', async () => {
    const { sim } = await start({ rate: 0.01 });
    const say = async (venue: string, path: string, ...hellos: readonly unknown[]) => {
      const client = await open(`${base(sim, venue, 'ws')}${path}`, hellos);
      const isData = (text: string) => /"(topic|stream|data|channelMessage|e)"/.test(text);
      await until(
        `${venue} answers`,
        () => client.received.filter((text) => !isData(text)).length >= hellos.length,
      );
      return client.received
        .filter((text) => !isData(text))
        .map((text) => (text === 'pong' ? text : JSON.parse(text)));
    };
    expect(
      await say(
        'binance',
        '/ws',
        { method: 'SUBSCRIBE', params: ['btcusdt@trade'], id: 1 },
        { method: 'UNSUBSCRIBE', params: ['btcusdt@trade'], id: 2 },
        { method: 'LIST_SUBSCRIPTIONS', id: 3 },
        { method: 'SUBSCRIBE', params: ['nope@trade'], id: 4 },
      ),
    ).toEqual([
      { result: null, id: 1 },
      { result: null, id: 2 },
      { result: [], id: 3 },
      { error: { code: 2, msg: 'Invalid request: nope@trade' }, id: 4 },
    ]);
    const both = ['publicTrade.BTCUSDT', 'orderbook.7.BTCUSDT'];
    expect(
      await say('bybit', '/v5/public/linear', { op: 'ping' }, { req_id: 'a', op: 'subscribe', args: both }),
    ).toEqual([
      { req_id: '', op: 'pong', args: [expect.stringMatching(/^\d{13}$/)], conn_id: 'sim' },
      {
        success: false,
        ret_msg: 'error:handler not found,topic:orderbook.7.BTCUSDT',
        conn_id: 'sim',
        req_id: 'a',
        op: 'subscribe',
      },
    ]);
    expect(await say('bybit', '/v5/public/spot', { op: 'ping' }, { op: 'subscribe', args: [] })).toEqual([
      { success: true, ret_msg: 'pong', conn_id: 'sim', op: 'ping' },
      { success: true, ret_msg: 'subscribe', conn_id: 'sim', op: 'subscribe' },
    ]);
    const wrong = { channel: 'books', instId: 'NOPE-USDT' };
    expect(
      await say(
        'okx',
        '/ws/v5/public',
        'ping',
        { op: 'subscribe', args: [wrong] },
        { op: 'unsubscribe', args: [okxArgs[0]] },
      ),
    ).toMatchObject([
      'pong',
      { event: 'error', code: '60018', connId: 'sim' },
      { event: 'unsubscribe', arg: okxArgs[0], connId: 'sim' },
    ]);
    const subscribe = (channel: string, id: number) => ({
      jsonrpc: '2.0',
      method: 'subscribe',
      params: { channel },
      id,
    });
    expect(
      await say(
        'bitflyer',
        '/json-rpc',
        [subscribe('lightning_board_BTC_JPY', 1), subscribe('lightning_ticker_ETH_JPY', 2)],
        subscribe('lightning_board_NOPE_JPY', 3),
      ),
    ).toEqual([
      [
        { jsonrpc: '2.0', id: 1, result: true },
        { jsonrpc: '2.0', id: 2, result: true },
      ],
      { jsonrpc: '2.0', id: 3, error: { code: -32602, message: 'Invalid params' } },
    ]);
  });

  test('Binance spot is pinged every 20 s; venues that never ping do not', async () => {
    const clock = manualClock();
    const { sim } = await start({ clock, rate: 0.01 });
    const spot = await open(`${base(sim, 'binance', 'ws')}/ws`);
    const usdm = await open(`${base(sim, 'binance', 'futures_ws')}/public/ws`);
    const okx = await open(`${base(sim, 'okx', 'ws')}/ws/v5/public`);
    clock.advance(61_000);
    await until('three pings came', () => spot.pings >= 3);
    expect([spot.pings, usdm.pings, okx.pings]).toEqual([3, 0, 0]);
    clock.advance(120_000);
    await until('USD-M is pinged', () => usdm.pings === 1);
    expect(okx.pings).toBe(0);
  });

  test('nonsense ends its own connection only', async () => {
    const { sim, journal } = await start();
    const good = await open(`${base(sim, 'okx', 'ws')}/ws/v5/public`, [{ op: 'subscribe', args: okxArgs }]);
    const bad = await open(`${base(sim, 'okx', 'ws')}/ws/v5/public`, ['{nonsense']);
    expect(await bad.closed).toBe(1008);
    expect(journal.some((line) => line.conn === 'okx.2' && line.refused !== undefined)).toBe(true);
    const before = good.received.length;
    await until('the other goes on', () => good.received.length > before + 10);
  });

  test('a client that does not read is cut, and the journal says so', async () => {
    const { sim, journal } = await start({ rate: 3_000, unreadBytes: 64 * 1024 });
    const client = await open(`${base(sim, 'okx', 'ws')}/ws/v5/public`, [{ op: 'subscribe', args: okxArgs }]);
    client.socket.pause();
    // Megabytes go into the system's own buffers before any wait in ours.
    await until('it is cut', () => journal.some((line) => line.cut !== undefined), 50_000);
    expect(journal.find((line) => line.cut !== undefined)).toMatchObject({ venue: 'okx', conn: 'okx.1' });
  }, 60_000);

  test('pause: nothing is sent, connections stay; resume goes on without making up for it', async () => {
    const clock = manualClock();
    const { sim, journal } = await start({ clock, rate: 50 });
    const client = await open(`${base(sim, 'bybit', 'ws')}/v5/public/linear`, [
      { op: 'subscribe', args: ['publicTrade.BTCUSDT'] },
    ]);
    await until('it is subscribed', () => client.received.length === 1);
    const trades = () => journal.filter((line) => line.feed === 'trades').length;
    clock.advance(1_000);
    const [running, sent] = [trades(), sim.sent()];
    expect(running).toBeGreaterThan(50);
    sim.pause();
    clock.advance(600_000);
    expect([trades(), sim.sent()]).toEqual([running, sent]);
    sim.resume();
    clock.advance(1_000);
    expect(trades() - running).toBeGreaterThan(50);
    expect(trades() - running).toBeLessThan(4 * running);
    expect(journal.at(-1)?.timestampUs).toBeGreaterThan(clock.wallUs() - 100_000);
    await until('all came', () => client.received.length === 1 + sim.sent());
  });

  test('a wall clock that is set back does not stop the markets', async () => {
    const clock = manualClock();
    const { sim, journal } = await start({ clock, rate: 50 });
    await open(`${base(sim, 'bybit', 'ws')}/v5/public/linear`, [
      { op: 'subscribe', args: ['publicTrade.BTCUSDT'] },
    ]);
    await until('it is connected', () => journal.some((line) => line.connect !== undefined));
    clock.stepWall(clock.wallUs() - 3_600_000_000);
    await until('trades come', () => {
      clock.advance(100);
      return sim.sent() > 20;
    });
  });
});

describe('REST', () => {
  test('what each venue answers, and what it counts', async () => {
    const { sim, journal } = await start();
    const get = async (venue: string, key: string, path: string) => {
      const response = await fetch(`${base(sim, venue, key)}${path}`);
      return { status: response.status, body: (await response.json()) as Json, headers: response.headers };
    };
    const depth = await get('binance', 'rest', '/api/v3/depth?symbol=BTCUSDT&limit=500');
    expect(Object.keys(depth.body)).toEqual(['lastUpdateId', 'bids', 'asks']);
    expect(depth.headers.get('x-mbx-used-weight-1m')).toBe('25');
    const usdm = await get('binance', 'futures_rest', '/fapi/v1/depth?symbol=BTCUSDT&limit=100');
    expect(Object.keys(usdm.body)).toEqual(['lastUpdateId', 'E', 'T', 'bids', 'asks']);
    expect(usdm.headers.get('x-mbx-used-weight-1m')).toBe('5');
    const info = await get('binance', 'rest', '/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D');
    expect(info.body.symbols.map((one: Json) => one.symbol)).toEqual(['BTCUSDT']);
    expect(Number(info.headers.get('x-mbx-used-weight-1m'))).toBeGreaterThanOrEqual(20);
    for (const path of [
      '/api/v3/depth?symbol=NOPE',
      '/api/v3/exchangeInfo?symbol=NOPE',
      '/fapi/v1/depth?symbol=NOPE',
    ])
      expect(await get('binance', 'rest', path)).toMatchObject({
        status: 400,
        body: { code: -1121, msg: 'Invalid symbol.' },
      });
    for (const path of ['/api/v3/exchangeInfo?symbols=nonsense', '/fapi/v1/depth?symbol=BTCUSDT&limit=7'])
      expect((await get('binance', 'rest', path)).status).toBe(400);
    expect((await get('binance', 'rest', '/api/v3/ping')).body).toEqual({});
    expect((await get('binance', 'futures_rest', '/fapi/v1/time')).body.serverTime / 1000).toBeCloseTo(
      Date.now() / 1000,
      -1,
    );

    const bybit = await get('bybit', 'rest', '/v5/market/instruments-info?category=linear&symbol=BTCUSDT');
    expect(bybit.body).toMatchObject({
      retCode: 0,
      result: { category: 'linear', list: [{ symbol: 'BTCUSDT' }] },
    });
    expect(
      (await get('bybit', 'rest', '/v5/market/instruments-info?category=spot&symbol=NO')).body.retCode,
    ).toBe(10001);
    expect((await get('bybit', 'rest', '/v5/market/time')).body.result.timeSecond).toMatch(/^\d{10}$/);
    const okx = await get('okx', 'rest', '/api/v5/public/instruments?instType=SWAP&instId=BTC-USDT-SWAP');
    expect(okx.body.data[0]).toMatchObject({ instId: 'BTC-USDT-SWAP', ctVal: '0.01', state: 'live' });
    expect(
      (await get('okx', 'rest', '/api/v5/public/instruments?instType=SPOT&instId=NO-USDT')).body.code,
    ).toBe('51001');
    expect((await get('okx', 'rest', '/api/v5/public/time')).body.data[0].ts).toMatch(/^\d{13}$/);
    const markets = await get('bitflyer', 'rest', '/v1/getmarkets');
    expect(markets.body.map((one: Json) => one.product_code)).toEqual(['BTC_JPY', 'ETH_JPY', 'FX_BTC_JPY']);
    expect((await get('bitflyer', 'rest', '/v1/getboard?product_code=BTC_JPY')).body.bids).toHaveLength(300);
    expect((await get('bitflyer', 'rest', '/v1/gethealth')).body).toEqual({ status: 'NORMAL' });
    expect((await get('okx', 'rest', '/api/v5/nothing')).status).toBe(404);

    expect(sim.requests()).toEqual({ bitflyer: 3, binance: 10, bybit: 3, okx: 4 });
    const books = journal.filter((line) => line.conn === 'rest');
    expect(books.map((line) => [line.venue, line.symbol, line.snapshot])).toEqual([
      ['binance', 'BTC/USDT', true],
      ['binance', 'BTC/USDT:USDT', true],
      ['bitflyer', 'BTC/JPY', true],
    ]);
    expect(books[0].sequence).toBe(depth.body.lastUpdateId);
    expect(books[0].bids).toEqual(depth.body.bids);
  });

  test('paths that are none are answered, and end nothing', async () => {
    const { sim, journal } = await start();
    const raw = (text: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(sim.port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (data) => {
          resolve(data.toString().split('\r\n')[0] ?? '');
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    for (const path of ['//', '/binance', '/nope/x', '/okx/%zz', '/binance/api/v3/depth?symbol=%'])
      expect(await raw(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)).toMatch(/^HTTP\/1.1 4/);
    for (const path of ['/', '/okx/ws/v5/private', '/nope/ws'])
      expect(await raw(`GET ${path} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`)).toBe('HTTP/1.1 404 Not Found');
    // Those that ask for a WebSocket and are gone at once.
    for (const path of [...Array<string>(20).fill('/nope/ws'), '/okx/ws/v5/public']) {
      await new Promise<void>((resolve) => {
        const gone = connect(sim.port, '127.0.0.1', () =>
          gone.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`, () => gone.resetAndDestroy()),
        );
        gone.on('error', () => undefined).on('close', () => resolve());
      });
    }
    await until('the server has seen the last', () => journal.some((line) => line.close !== undefined));
    expect((await fetch(`${base(sim, 'okx', 'rest')}/api/v5/public/time`)).status).toBe(200);
  });
});

describe('start and stop', () => {
  test('a port in use is a failure that says what to change', async () => {
    const { sim } = await start();
    const again = await startSim({
      ...{ host: '127.0.0.1', port: sim.port, seed: 1, rate: 1, venues: VENUES, symbols: {} },
      ...{ clock: systemClock(), journal: null },
    });
    expect(again).toMatchObject({
      ok: false,
      error: {
        code: 'EADDRINUSE',
        retry: 'never',
        message: `port ${sim.port} of 127.0.0.1 is in use: choose another with --port (0 takes any free one)`,
      },
    });
  });

  test('endpoints are those that the settings know; stop ends connections and frees the port', async () => {
    const { sim } = await start();
    expect(
      Object.fromEntries(Object.entries(sim.endpoints).map(([id, urls]) => [id, Object.keys(urls).sort()])),
    ).toEqual(Object.fromEntries(VENUES.map((venue) => [venue.id, Object.keys(venue.endpoints).sort()])));
    const client = await open(`${base(sim, 'okx', 'ws')}/ws/v5/public`);
    await sim.stop();
    expect(await client.closed).toBe(1006);
    await start({ port: sim.port });
  });
});

test('load: rate 100, a collector’s own subscriptions to every symbol', async () => {
  const { sim } = await start({ rate: 100, journal: null });
  const plans = VENUES.flatMap((venue) =>
    venue.feeds.flatMap((feed) =>
      venue.dial({
        feed,
        instruments: venue.sim.instruments.flatMap((one) => venue.locate(one.symbol) ?? []),
        endpoints: sim.endpoints[venue.id] ?? {},
        options: { depth: 200, stream: null },
      }),
    ),
  );
  const all = await Promise.all(plans.map((plan) => open(plan.url, plan.hellos)));
  const lags: number[] = [];
  let last = performance.now();
  const beat = setInterval(() => {
    lags.push(performance.now() - last - 10);
    last = performance.now();
  }, 10);
  const [from, cpu, begin] = [sim.sent(), process.cpuUsage(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  clearInterval(beat);
  const sec = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const perSec = Math.round((sim.sent() - from) / sec);
  lags.sort((a, b) => a - b);
  console.info(
    `simulator at rate 100: ${perSec} messages a second to ${all.length} connections, ` +
      `${Math.round((user + system) / 1e4 / sec)} % CPU (its clients included), ` +
      `event loop late by ${lags[Math.floor(lags.length * 0.99)]?.toFixed(1)} ms (p99)`,
  );
  expect(perSec).toBeGreaterThan(0);
}, 20_000);
