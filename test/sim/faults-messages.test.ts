/** What can go wrong with a message or a connection: what the client gets, and what the journal says of it. */

import { describe, expect, test } from 'vitest';
import { binance } from '../../src/venues/binance/index.ts';
import { VENUES, venueById } from '../../src/venues/index.ts';
import { okx as okxVenue } from '../../src/venues/okx/index.ts';
import type { Json } from './bench.ts';
import { binanceHello, bitflyerHello, bybitHello, type Memory, memory, okxHello } from './memory.ts';

const OKX = ['okx', 'ws', '/ws/v5/public'] as const;
const SPOT = ['binance', 'ws', '/stream'] as const;

/** Two channels of one symbol, after a second of them. */
function okx(): { readonly memory: Memory; readonly client: ReturnType<Memory['open']> } {
  const bench = memory({ venues: [okxVenue] });
  const client = bench.open(...OKX, [okxHello('trades', 'tickers')]);
  bench.run(1);
  return { memory: bench, client };
}

/** The ids of trades: as the client got them, and as the journal has them. */
const got = (client: ReturnType<Memory['open']>): readonly string[] =>
  client
    .data()
    .flatMap(({ arg, data = [] }) => (arg?.channel === 'trades' ? data.map((one: Json) => one.tradeId) : []));
const entries = ({ journal }: Memory, feed = 'trades'): readonly Json[] =>
  journal.filter((line) => line.feed === feed && line.conn === 'okx.1');
const sent = (bench: Memory): readonly string[] =>
  entries(bench)
    .filter((line) => line.withheld === undefined)
    .map((line) => line.id);
const withheld = (bench: Memory): readonly Json[] =>
  bench.journal.filter((line) => line.withheld !== undefined);

test('without faults: everything arrives, once, in order, after the way there', () => {
  const { memory: bench, client } = okx();
  bench.run(5);
  bench.sim.pause();
  bench.run(0.1);
  expect(got(client).length).toBeGreaterThan(20);
  expect(got(client)).toEqual(sent(bench));
  expect(bench.sim.sent()).toBe(bench.journal.filter((line) => line.feed !== undefined).length);
  expect(bench.faults()).toEqual([]);
  expect(client.received.every(({ ms }) => ms % 10 === 1 || ms < 10)).toBe(true);
});

describe('a message', () => {
  test('drop: two of trades are not sent, and the journal has them as withheld', () => {
    const { memory: bench, client } = okx();
    bench.fault({ kind: 'drop', venue: 'okx', feed: 'trades', symbol: 'BTC/USDT', count: 2, afterSec: 1 });
    bench.run(5);
    const gone = withheld(bench);
    expect(gone.map((line) => [line.feed, line.withheld])).toEqual([
      ['trades', 'drop'],
      ['trades', 'drop'],
    ]);
    expect(gone[0]?.ts).toBeGreaterThanOrEqual(1_795_219_202);
    expect(got(client)).toEqual(sent(bench).slice(0, got(client).length));
    for (const { id } of gone) expect(got(client)).not.toContain(id);
    expect(bench.faults()).toEqual(
      [1, 1].map((id) => ({
        ...{ id, kind: 'drop', venue: 'okx', feed: 'trades', symbol: 'BTC/USDT', count: 2, afterSec: 1 },
      })),
    );
    expect(bench.sim.faults()).toMatchObject([{ id: 1, state: 'over', applied: 2 }]);
  });

  test('duplicate: it comes twice running, and the journal tells the second', () => {
    const { memory: bench, client } = okx();
    bench.fault({ kind: 'duplicate', venue: 'okx', feed: 'trades' });
    bench.run(3);
    const [twin] = bench.journal.filter((line) => line.doubled !== undefined);
    expect(twin).toMatchObject({ feed: 'trades', doubled: 'duplicate' });
    const ids = got(client);
    expect(ids.filter((id) => id === twin?.id)).toHaveLength(2);
    expect(ids[ids.indexOf(twin?.id) + 1]).toBe(twin?.id);
    expect(ids).toHaveLength(new Set(ids).size + 1);
  });

  test('reorder: one comes after the next of its feed and symbol, and nothing is lost', () => {
    const { memory: bench, client } = okx();
    bench.fault({ kind: 'reorder', venue: 'okx', feed: 'trades' });
    bench.run(3);
    const ids = got(client);
    const turned = ids.flatMap((id, at) => (Number(id) < Number(ids[at - 1] ?? 0) ? [at] : []));
    expect(turned).toHaveLength(1);
    expect(ids).toEqual(sent(bench).slice(0, ids.length));
    expect(withheld(bench)).toEqual([]);
  });

  test('reorder: what still waits when the connection ends was never sent', () => {
    const bench = memory({ rate: 1 });
    const client = bench.open(...OKX, [okxHello('trades')]);
    bench.fault({ kind: 'reorder', venue: 'okx' });
    while (bench.faults().length === 0) bench.run(0.1);
    client.source.close('politely');
    bench.run(0.1);
    expect(withheld(bench)).toMatchObject([{ feed: 'trades', withheld: 'reorder' }]);
    expect(got(client)).not.toContain(withheld(bench)[0]?.id);
  });

  test('delay: it comes 3 s late, and all that follows waits behind it', () => {
    const { memory: bench, client } = okx();
    const from = bench.now();
    bench.fault({ kind: 'delay', venue: 'okx', feed: 'trades', delaySec: 3 });
    bench.run(2.5);
    const [before] = client.received.filter(({ ms }) => ms > from + 200 && ms < from + 2_500);
    expect(bench.faults()).toHaveLength(1);
    expect(before).toBeUndefined();
    bench.run(3);
    expect(got(client)).toEqual(sent(bench).slice(0, got(client).length));
    expect(Math.max(...client.received.slice(1).map(({ ms }, at) => ms - (client.received[at]?.ms ?? 0)))).toBeGreaterThan(2_500); // biome-ignore format: one thing
  });

  test('malformed: broken JSON in its place, or beside it', () => {
    for (const beside of [false, true]) {
      const { memory: bench, client } = okx();
      bench.fault({ kind: 'malformed', venue: 'okx', feed: 'trades', beside });
      bench.run(3);
      const bad = client.texts().filter((text) => venueById('okx')?.read(text).kind === 'rejected');
      expect(bad).toHaveLength(1);
      expect(() => JSON.parse(bad[0] ?? '')).toThrow();
      expect(withheld(bench).map((line) => line.withheld)).toEqual(beside ? [] : ['malformed']);
      expect(got(client)).toEqual(sent(bench).slice(0, got(client).length));
    }
  });

  const STREAMS = [
    ['binance', 'ws', '/stream', binanceHello('btcusdt@trade', 'btcusdt@depth@100ms', 'btcusdt@bookTicker')],
    ['binance', 'futures_ws', '/public/ws', binanceHello('btcusdt@depth@100ms')],
    ['bybit', 'ws', '/v5/public/linear', bybitHello('publicTrade.BTCUSDT', 'tickers.BTCUSDT')],
    ['okx', 'ws', '/ws/v5/public', okxHello('trades', 'books')],
    ['bitflyer', 'ws', '/json-rpc', bitflyerHello('lightning_executions_BTC_JPY')],
  ] as const;

  test.each(STREAMS)('unknown_field at %s %s %s: read as before', (venue, key, path, hello) => {
    const bench = memory();
    const client = bench.open(venue, key, path, [hello]);
    bench.fault({ kind: 'unknown_field', venue, forSec: 10 });
    bench.run(3);
    const odd = client.texts().filter((text) => text.includes('simulated_field'));
    expect(odd.length).toBeGreaterThan(10);
    for (const text of odd) expect(venueById(venue)?.read(text).kind).toBe('message');
    expect(withheld(bench)).toEqual([]);
    expect(bench.faults()).toHaveLength(
      bench.journal.filter((l) => l.fault?.kind === 'unknown_field').length,
    );
  });

  test.each(STREAMS)(
    'unknown_kind at %s %s %s: one more frame, which is rejected',
    (venue, key, path, hello) => {
      const bench = memory();
      const client = bench.open(venue, key, path, [hello]);
      bench.fault({ kind: 'unknown_kind', venue });
      bench.run(3);
      const odd = client.texts().filter((text) => venueById(venue)?.read(text).kind === 'rejected');
      expect(odd).toHaveLength(1);
      expect(odd[0]).toContain('simulated');
      expect(withheld(bench)).toEqual([]);
    },
  );

  test('oversized: the client closes, and what came after it is told as never read', () => {
    const { memory: bench, client } = okx();
    bench.fault({ kind: 'oversized', venue: 'okx', feed: 'trades' });
    bench.run(2);
    expect(client.closed?.code).toBe('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH');
    expect(bench.journal.at(-1)).toMatchObject({ conn: 'okx.1', close: 1009 });
    expect(got(client)).toEqual(sent(bench));
    for (const line of withheld(bench)) expect(line.withheld).toBe('oversized');
  });

  test('by chance, from a seed: the same ones in each run', () => {
    const drops = (faultSeed: number): readonly string[] => {
      const bench = memory({ faultSeed, venues: [okxVenue] });
      bench.open(...OKX, [okxHello('trades')]);
      bench.fault({ kind: 'drop', venue: 'okx', probability: 0.2, forSec: 20 });
      bench.run(30);
      const all = entries(bench).length;
      expect(withheld(bench).length / all).toBeGreaterThan(0.05);
      expect(withheld(bench).length / all).toBeLessThan(0.25);
      return withheld(bench).map((line) => line.id);
    };
    expect(drops(5)).toEqual(drops(5));
    expect(drops(5)).not.toEqual(drops(6));
  });

  test('every 4 s, for 1 s each time', () => {
    const { memory: bench } = okx();
    const from = bench.journal.at(-1)?.ts;
    bench.fault({ kind: 'drop', venue: 'okx', feed: 'trades', afterSec: 1, forSec: 1, everySec: 4 });
    bench.run(12);
    const phases = withheld(bench).map((line) => (line.ts - from - 1) % 4);
    expect(phases.length).toBeGreaterThan(20);
    expect(Math.max(...phases)).toBeLessThan(1.1);
    expect(withheld(bench).at(-1)?.ts - from).toBeGreaterThan(9);
  });
});

describe('a connection', () => {
  test('stall: nothing of the market comes, pings are answered, and a new connection is well', () => {
    const { memory: bench, client } = okx();
    bench.fault({ kind: 'stall', venue: 'okx' });
    bench.run(1);
    const before = client.received.length;
    client.source.send('ping');
    bench.run(60);
    expect(client.texts().slice(before)).toEqual(['pong']);
    expect(client.closed).toBeNull();
    expect(new Set(withheld(bench).map((line) => line.withheld))).toEqual(new Set(['stall']));
    const next = bench.open(...OKX, [okxHello('trades')]);
    bench.run(2);
    expect(got(next).length).toBeGreaterThan(5);
    expect(bench.faults()).toHaveLength(1);
    bench.sim.clearFaults();
    bench.run(2);
    expect(client.received.length).toBeGreaterThan(before + 5);
  });

  test('stall of one feed, for 5 s: the others go on; silent: pings are not answered either', () => {
    const { memory: bench, client } = okx();
    bench.fault({ kind: 'stall', venue: 'okx', feed: 'trades', forSec: 5, silent: true });
    bench.run(1);
    const before = client.received.length;
    client.source.send('ping');
    bench.run(3.9);
    const stalled = client.texts().slice(before);
    expect(stalled.length).toBeGreaterThan(5);
    expect(stalled.filter((text) => !text.includes('"tickers"'))).toEqual([]);
    bench.run(2);
    expect(
      client
        .texts()
        .slice(before)
        .some((text) => text.includes('"trades"')),
    ).toBe(true);
  });

  test('protocol pings go on through a stall', () => {
    const bench = memory({ rate: 1 });
    const client = bench.open(...SPOT, [binanceHello('btcusdt@trade')]);
    bench.fault({ kind: 'stall', venue: 'binance', silent: true });
    bench.run(61);
    expect(client.signs).toBe(3);
  });

  test('disconnect: with a code, or without a word; by path, and once', () => {
    const bench = memory();
    const spot = bench.open(...SPOT);
    const usdm = bench.open('binance', 'futures_ws', '/public/ws');
    bench.run(1);
    bench.fault({ kind: 'disconnect', venue: 'binance', path: '/public', code: 1012 });
    bench.run(0.1);
    expect(usdm.closed).toMatchObject({ code: 'ws 1012', message: 'closed by the server (simulated)' });
    expect(spot.closed).toBeNull();
    bench.fault({ kind: 'disconnect', venue: 'binance' });
    bench.run(0.1);
    expect(spot.closed).toMatchObject({ code: 'closed', message: 'without a close frame' });
    expect(bench.journal.filter((line) => line.close !== undefined).map((line) => line.close)).toEqual([
      1012, 1006,
    ]);
    expect(bench.faults().map((fault) => fault.kind)).toEqual(['disconnect', 'disconnect']);
    const later = bench.open(...SPOT);
    bench.run(5);
    expect(later.closed).toBeNull();
  });

  test('disconnect by feed: the connection that carries it', () => {
    const bench = memory();
    const trades = bench.open(...SPOT, [binanceHello('btcusdt@trade')]);
    const books = bench.open(...SPOT, [binanceHello('btcusdt@depth@100ms')]);
    bench.run(1);
    bench.fault({ kind: 'disconnect', venue: 'binance', feed: 'orderbook', symbol: 'BTC/USDT' });
    bench.run(2);
    expect([trades.closed, books.closed]).toEqual([null, expect.objectContaining({ code: 'closed' })]);
  });

  test('cut: every connection ends at its age, the next ones too', () => {
    const bench = memory({ rate: 1, stepMs: 200, venues: [binance, okxVenue] });
    bench.fault({ kind: 'cut', venue: 'okx', lifetimeSec: 900 });
    const other = bench.open(...SPOT);
    const first = bench.open(...OKX);
    bench.run(100);
    const second = bench.open(...OKX);
    bench.run(800.5);
    expect(first.closed).toMatchObject({ code: 'ws 1001' });
    expect(second.closed).toBeNull();
    bench.run(100);
    expect(second.closed).toMatchObject({ code: 'ws 1001' });
    expect(other.closed).toBeNull();
    expect(bench.sim.faults()).toMatchObject([{ state: 'on', applied: 2 }]);
  });

  test.each([
    [
      'binance',
      'ws',
      '/stream',
      '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1795219201010}}',
    ],
    ['binance', 'ws', '/ws', '{"e":"serverShutdown","E":1795219201010}'],
    [
      ...OKX,
      '{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"sim"}',
    ],
  ])('notice of %s %s %s, and the close that it tells of', (venue, key, path, text) => {
    const bench = memory({ rate: 0.01 });
    const client = bench.open(venue, key, path);
    bench.run(1);
    bench.fault({ kind: 'notice', venue, leadSec: 10 });
    bench.run(0.1);
    expect(client.texts()).toEqual([text]);
    expect(venueById(venue)?.read(text).kind).toBe('notice');
    bench.run(9.5);
    expect(client.closed).toBeNull();
    bench.run(0.5);
    expect(client.closed).toMatchObject({ code: 'ws 1001' });
    expect(bench.faults()).toMatchObject([{ kind: 'notice' }]);
  });

  test('notice: USD-M tells nothing', () => {
    const bench = memory();
    const client = bench.open('binance', 'futures_ws', '/public/ws');
    bench.fault({ kind: 'notice', venue: 'binance' });
    bench.run(35);
    expect([client.texts(), client.closed, bench.faults()]).toEqual([[], null, []]);
  });

  test('refuse_connect: the upgrade is answered with a status, twice', () => {
    const bench = memory();
    bench.fault({ kind: 'refuse_connect', venue: 'okx', count: 2, status: 429 });
    const refused = [bench.open(...OKX), bench.open(...OKX)];
    const taken = bench.open(...OKX);
    bench.run(1);
    for (const client of refused) {
      expect(client).toMatchObject({ opens: 0, closed: { message: 'Unexpected server response: 429' } });
    }
    expect(taken).toMatchObject({ opens: 1, closed: null });
    expect(bench.faults().map(({ kind, path }) => [kind, path])).toEqual([
      ['refuse_connect', '/ws/v5/public'],
      ['refuse_connect', '/ws/v5/public'],
    ]);
  });
});

describe('a subscription', () => {
  const both = { trades: 'trades', books: 'orderbook' } as const;

  test('subscribe_refused: OKX refuses each channel by itself, and serves the others', () => {
    const bench = memory();
    bench.fault({ kind: 'subscribe_refused', venue: 'okx', feed: 'trades' });
    const client = bench.open(...OKX, [okxHello(...Object.keys(both))]);
    bench.run(2);
    expect(client.data().slice(0, 2)).toMatchObject([
      { event: 'error', code: '60018' },
      { event: 'subscribe', arg: { channel: 'books' } },
    ]);
    expect(venueById('okx')?.read(client.texts()[0] ?? '').kind).toBe('refused');
    expect(got(client)).toEqual([]);
    expect(bench.faults()).toMatchObject([{ streams: [{ symbol: 'BTC/USDT', feed: 'trades' }] }]);
    client.source.send(JSON.stringify(okxHello('trades')));
    bench.run(2);
    expect(got(client).length).toBeGreaterThan(5);
  });

  test.each([
    [
      ...SPOT,
      binanceHello('ethusdt@trade', 'btcusdt@trade'),
      '{"error":{"code":2,"msg":"Invalid request: btcusdt@trade"},"id":1}',
    ],
    [
      'bybit',
      'ws',
      '/v5/public/spot',
      bybitHello('publicTrade.ETHUSDT', 'publicTrade.BTCUSDT'),
      '{"success":false,"ret_msg":"error:handler not found,topic:publicTrade.BTCUSDT","conn_id":"sim","req_id":"1","op":"subscribe"}',
    ],
  ])('subscribe_refused: %s refuses the whole request', (venue, key, path, hello, text) => {
    const bench = memory();
    bench.fault({ kind: 'subscribe_refused', venue, feed: 'trades', symbol: 'BTC/USDT' });
    const client = bench.open(venue, key, path, [hello]);
    bench.run(2);
    expect(client.texts()).toEqual([text]);
    expect(venueById(venue)?.read(text).kind).toBe('refused');
  });

  test('subscribe_refused: bitFlyer answers each request of a batch', () => {
    const bench = memory();
    bench.fault({ kind: 'subscribe_refused', venue: 'bitflyer', symbol: 'BTC/JPY' });
    const hellos = ['BTC_JPY', 'ETH_JPY'].map((id, at) =>
      bitflyerHello(`lightning_executions_${id}`, at + 1),
    );
    const client = bench.open('bitflyer', 'ws', '/json-rpc', [hellos]);
    bench.run(2);
    expect(client.texts().slice(0, 2)).toEqual([
      '[{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params"}}]',
      '[{"jsonrpc":"2.0","id":2,"result":true}]',
    ]);
    expect(client.texts().some((text) => text.includes('executions_ETH'))).toBe(true);
    expect(client.texts().some((text) => text.includes('executions_BTC'))).toBe(false);
  });

  test('subscribe_ignored: never acknowledged, or acknowledged and silent', () => {
    for (const acknowledged of [false, true]) {
      const bench = memory();
      for (const venue of ['okx', 'binance'])
        bench.fault({ kind: 'subscribe_ignored', venue, feed: 'trades', acknowledged });
      const one = bench.open(...OKX, [okxHello('trades', 'books')]);
      const two = bench.open(...SPOT, [binanceHello('btcusdt@trade', 'btcusdt@bookTicker')]);
      bench.run(2);
      const acks = one.data().filter((frame) => frame.event === 'subscribe');
      expect(acks.map((frame) => frame.arg.channel)).toEqual(acknowledged ? ['trades', 'books'] : ['books']);
      expect(got(one)).toEqual([]);
      expect(one.data().some((frame) => frame.action === 'update')).toBe(true);
      const [ack, ...data] = two.texts();
      expect(ack).toBe(acknowledged ? '{"result":null,"id":1}' : undefined);
      expect(data.length > 0).toBe(acknowledged);
      expect(data.every((text) => text.includes('bookTicker'))).toBe(true);
    }
  });
});

test('every venue of the registry has its faults', () => {
  for (const { sim } of VENUES) expect(sim.faults).not.toBeNull();
});
