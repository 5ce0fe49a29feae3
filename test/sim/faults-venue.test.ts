/** What can go wrong with a venue's answers, its numbers and its clock. */

import { describe, expect, test } from 'vitest';
import { venueById } from '../../src/venues/index.ts';
import type { Json } from './bench.ts';
import { binanceHello, bitflyerHello, bybitHello, memory, okxHello } from './memory.ts';

const DEPTH = ['binance', 'rest', '/api/v3/depth?symbol=BTCUSDT&limit=500'] as const;
const BOARD = ['bitflyer', 'rest', '/v1/getboard?product_code=BTC_JPY'] as const;
const BYBIT = ['bybit', 'rest', '/v5/market/orderbook?category=linear&symbol=BTCUSDT&limit=50'] as const;
const BOOKS = ['okx', 'rest', '/api/v5/market/books?instId=BTC-USDT&sz=5'] as const;

describe('an answer by REST', () => {
  test.each([
    [...DEPTH, 429, 5, 429, 5_000],
    [...DEPTH, 418, 90, 418, 90_000],
    [...DEPTH, 403, undefined, 403, null],
    [...BYBIT, 403, undefined, 403, null],
    [...BYBIT, 429, undefined, 429, null],
    [...BOOKS, 429, undefined, 429, null],
    [...BOOKS, 503, undefined, 'ERR', null],
    [...BOARD, 429, 7, 429, 7_000],
  ] as const)('status at %s %s %s: %i', async (venue, key, path, status, retryAfterSec, outcome, pauseMs) => {
    const bench = memory();
    bench.fault({ kind: 'status', venue, status, ...(retryAfterSec === undefined ? {} : { retryAfterSec }) });
    const answer = await bench.get(venue, key, path);
    if (!answer.ok) throw new Error(answer.error.message);
    const { text, headers } = answer.value;
    expect(answer.value.status).toBe(status);
    expect(headers['retry-after']).toBe(retryAfterSec === undefined ? undefined : String(retryAfterSec));
    const body = (text.startsWith('{') ? JSON.parse(text) : {}) as Json;
    const code = body.code ?? body.retCode;
    const limit = venueById(venue)?.rest.judge({
      ...{ status, headers, text, nowUs: answer.value.localUs },
      code: code === undefined ? null : String(code),
    }).limit;
    expect(limit?.outcome).toBe(outcome);
    // A ban of Binance names its end in words too: a moment later than the header's seconds, at most.
    if (pauseMs !== null) expect(Math.abs((limit?.pauseMs ?? 0) - pauseMs)).toBeLessThanOrEqual(300);
    expect(bench.faults()).toMatchObject([{ kind: 'status', path }]);
    expect(await bench.get(venue, key, path)).toMatchObject({ ok: true, value: { status: 200 } });
  });

  test('status without a path of its own strikes any; by path, by feed and symbol, only those', async () => {
    const bench = memory();
    bench.fault({ kind: 'status', venue: 'binance', path: '/depth', status: 500 });
    bench.fault({ kind: 'status', venue: 'binance', feed: 'trades', symbol: 'BTC/USDT:USDT', status: 503 });
    const status = async (key: string, path: string) => {
      const answer = await bench.get('binance', key, path);
      return answer.ok ? answer.value.status : answer.error.code;
    };
    expect(await status('rest', '/api/v3/time')).toBe(200);
    expect(await status('rest', '/api/v3/aggTrades?symbol=BTCUSDT')).toBe(200);
    expect(await status('futures_rest', '/fapi/v1/aggTrades?symbol=BTCUSDT')).toBe(503);
    expect(await status('rest', '/api/v3/depth?symbol=BTCUSDT&limit=100')).toBe(500);
  });

  test('slow, half_open, lying, malformed_answer', async () => {
    const bench = memory();
    const entries = () => bench.journal.filter((line) => line.conn === 'rest' && line.feed !== undefined);
    bench.fault({ kind: 'slow', venue: 'binance', delaySec: 4 });
    expect(await bench.get(...DEPTH)).toMatchObject({ ok: true, value: { status: 200 }, ms: 4_010 });
    bench.fault({ kind: 'slow', venue: 'binance', delaySec: 40 });
    expect(await bench.get(...DEPTH)).toMatchObject({ ok: false, error: { code: 'ETIMEDOUT' } });
    bench.run(60);
    bench.fault({ kind: 'half_open', venue: 'binance' });
    expect(await bench.get(...DEPTH)).toMatchObject({ ok: false, error: { code: 'ETIMEDOUT' }, ms: 10_000 });
    bench.fault({ kind: 'lying', venue: 'binance' });
    expect(await bench.get(...DEPTH)).toMatchObject({
      value: {
        status: 200,
        text: '{"code":-1000,"msg":"An unknown error occurred while processing the request."}',
      },
    });
    expect(entries()).toHaveLength(1);
    bench.fault({ kind: 'malformed_answer', venue: 'binance' });
    const broken = await bench.get(...DEPTH);
    expect(() => JSON.parse(broken.ok ? broken.value.text : '{}')).toThrow();
    expect(entries().map((line) => line.withheld)).toEqual([undefined, 'malformed_answer']);
    expect(bench.faults().map((fault) => fault.kind)).toEqual([
      ...['slow', 'slow', 'half_open', 'lying', 'malformed_answer'],
    ]);
  });

  test.each([
    [...DEPTH, (body: Json) => body.lastUpdateId],
    [...BYBIT, (body: Json) => body.result.u],
    [...BOOKS, (body: Json) => body.data[0].seqId],
    [...BOARD, () => null],
  ] as const)(
    'stale_snapshot at %s %s %s: older than the stream, once',
    async (venue, key, path, sequenceOf) => {
      const bench = memory();
      bench.fault({ kind: 'stale_snapshot', venue, olderSec: 3 });
      bench.run(1);
      const read = async (): Promise<Json> => {
        const answer = await bench.get(venue, key, path);
        return JSON.parse(answer.ok ? answer.value.text : '{}');
      };
      // Nothing is known yet that is old enough: it waits.
      const fresh = await read();
      expect(bench.faults()).toEqual([]);
      bench.run(5);
      const old = await read();
      expect(bench.faults()).toMatchObject([{ kind: 'stale_snapshot' }]);
      const now = await read();
      expect(bench.faults()).toHaveLength(1);
      expect(JSON.stringify(old)).not.toBe(JSON.stringify(now));
      if (sequenceOf(now) === null) return;
      expect(sequenceOf(old)).toBeLessThan(sequenceOf(now));
      expect(sequenceOf(old)).toBeGreaterThan(sequenceOf(fresh) - 1);
      const told = bench.journal.filter((line) => line.conn === 'rest' && line.feed === 'orderbook');
      expect(told.map((line) => line.sequence)).toEqual([fresh, old, now].map(sequenceOf));
    },
  );
});

describe('sequence_reset', () => {
  test('Bybit: a snapshot with u = 1, and deltas that follow it', () => {
    const bench = memory();
    const topics = ['orderbook.50.BTCUSDT', 'orderbook.1.BTCUSDT', 'orderbook.50.ETHUSDT'];
    const client = bench.open('bybit', 'ws', '/v5/public/linear', [bybitHello(...topics)]);
    bench.run(2);
    bench.fault({ kind: 'sequence_reset', venue: 'bybit', symbol: 'BTC/USDT:USDT' });
    bench.run(2);
    const of = (topic: string) => client.data().filter((frame) => frame.topic === topic);
    const [books, best, other] = topics.map((topic) => of(topic).map((frame) => [frame.type, frame.data.u]));
    const at = books?.findLastIndex(([type]) => type === 'snapshot') ?? 0;
    expect(at).toBeGreaterThan(2);
    expect(books?.slice(at, at + 4)).toEqual([
      ['snapshot', 1],
      ['delta', 2],
      ['delta', 3],
      ['delta', 4],
    ]);
    expect(best).toContainEqual(['snapshot', 1]);
    expect(other?.filter(([type]) => type === 'snapshot')).toHaveLength(1);
    expect(bench.faults()).toMatchObject([{ kind: 'sequence_reset', symbol: 'BTC/USDT:USDT' }]);
  });

  test('OKX: seqId falls below prevSeqId, and the chain holds', () => {
    const bench = memory();
    const client = bench.open('okx', 'ws', '/ws/v5/public', [okxHello('books')]);
    bench.run(2);
    bench.fault({ kind: 'sequence_reset', venue: 'okx' });
    bench.run(2);
    const ids = client
      .data()
      .flatMap(({ data }) => (data ?? []).map((one: Json) => [one.prevSeqId, one.seqId]));
    const falls = ids.filter(([before, now]) => now < before);
    expect(falls).toHaveLength(1);
    for (const [at, [before]] of ids.entries()) if (at > 0) expect(before).toBe(ids[at - 1]?.[1]);
  });

  test('Binance: the numbers begin anew, in the stream and by REST', async () => {
    const bench = memory();
    const spot = bench.open('binance', 'ws', '/ws', [binanceHello('btcusdt@depth@100ms')]);
    const usdm = bench.open('binance', 'futures_ws', '/public/ws', [binanceHello('btcusdt@depth@100ms')]);
    bench.run(2);
    bench.fault({ kind: 'sequence_reset', venue: 'binance' });
    bench.run(2);
    for (const client of [spot, usdm]) {
      const deltas = client.data().filter((frame) => frame.e === 'depthUpdate');
      const breaks = deltas.filter((one, at) => at > 0 && one.u < deltas[at - 1].u);
      expect(breaks).toHaveLength(1);
      const after = deltas.slice(deltas.indexOf(breaks[0]));
      for (const [at, one] of after.entries()) {
        if (at === 0) continue;
        if (client === spot) expect(one.U).toBe(after[at - 1].u + 1);
        else expect(one.pu).toBe(after[at - 1].u);
      }
    }
    const depth = await bench.get(...DEPTH);
    expect(JSON.parse(depth.ok ? depth.value.text : '{}').lastUpdateId).toBeLessThan(100_000);
  });
});

describe('the venue', () => {
  test('skew: its times are 3 s behind for 10 s; what is due by time comes as before', async () => {
    const bench = memory();
    const okx = bench.open('okx', 'ws', '/ws/v5/public', [okxHello('trades')]);
    const board = bench.open('bitflyer', 'ws', '/json-rpc', [
      bitflyerHello('lightning_board_snapshot_BTC_JPY'),
    ]);
    bench.run(1);
    bench.fault({ kind: 'skew', venue: 'okx', skewMs: -3_000, forSec: 10 });
    bench.fault({ kind: 'skew', venue: 'bitflyer', skewMs: -60_000, forSec: 10 });
    bench.run(0.1);
    const time = await bench.get('okx', 'rest', '/api/v5/public/time');
    const offset = (text: string, ms: number) =>
      Number(JSON.parse(text).data[0].ts) - (1_795_219_200_000 + ms);
    expect(offset(time.ok ? time.value.text : '', bench.now())).toBeGreaterThan(-3_030);
    expect(offset(time.ok ? time.value.text : '', bench.now())).toBeLessThanOrEqual(-3_000);
    const from = okx.received.length;
    bench.run(8);
    const skewed = okx.received.slice(from);
    expect(skewed.length).toBeGreaterThan(10);
    for (const { text, ms } of skewed) expect(offset(text, ms)).toBeCloseTo(-3_001, -1);
    bench.run(10);
    const last = okx.received.at(-1) as { text: string; ms: number };
    expect(offset(last.text, last.ms)).toBeCloseTo(-1, -1);
    // Every 5 s, whatever its clock says.
    const boards = board.received.filter(({ text }) => text.includes('board_snapshot')).length;
    expect([4, 5]).toContain(boards);
    expect(bench.faults().map((fault) => [fault.venue, fault.kind, fault.state])).toEqual([
      ['okx', 'skew', 'begins'],
      ['bitflyer', 'skew', 'begins'],
      ['okx', 'skew', 'ends'],
      ['bitflyer', 'skew', 'ends'],
    ]);
  });

  test('market_pause: one venue stands still for 5 s, the others go on', () => {
    const bench = memory({ rate: 50 });
    const hello = [okxHello('trades')];
    const okx = bench.open('okx', 'ws', '/ws/v5/public', hello);
    const spot = bench.open('binance', 'ws', '/ws', [binanceHello('btcusdt@trade')]);
    bench.run(1);
    bench.fault({ kind: 'market_pause', venue: 'okx', forSec: 5 });
    bench.run(0.1);
    const [still, before] = [okx.received.length, spot.received.length];
    bench.run(4.8);
    expect(okx.received).toHaveLength(still);
    expect(spot.received.length).toBeGreaterThan(before + 50);
    bench.run(1.2);
    expect(okx.received.length).toBeGreaterThan(still + 20);
  });
});

test('journalMarket: each trade once, told to anybody or not, as it is told', async () => {
  const bench = memory({ journalMarket: true });
  bench.run(3);
  expect(bench.sim.sent()).toBe(0);
  bench.open('okx', 'ws', '/ws/v5/public', [okxHello('trades')]);
  bench.open('binance', 'ws', '/ws', [binanceHello('btcusdt@trade')]);
  bench.open('binance', 'futures_ws', '/market/ws', [binanceHello('btcusdt@aggTrade')]);
  bench.open('bybit', 'ws', '/v5/public/spot', [bybitHello('publicTrade.BTCUSDT')]);
  bench.open('bitflyer', 'ws', '/json-rpc', [bitflyerHello('lightning_executions_FX_BTC_JPY')]);
  bench.run(3);
  const market = bench.journal.filter((line) => line.market !== undefined);
  const ids = market.map((line) => `${line.venue} ${line.market.symbol} ${line.market.id}`);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [venue, symbol] of [
    ['okx', 'BTC/USDT'],
    ['binance', 'BTC/USDT'],
    ['binance', 'BTC/USDT:USDT'],
    ['bybit', 'BTC/USDT'],
    ['bitflyer', 'BTC/JPY:JPY'],
  ]) {
    const made = market.filter((line) => line.venue === venue && line.market.symbol === symbol);
    const told = bench.journal
      .filter((line) => line.venue === venue && line.symbol === symbol && line.feed === 'trades')
      .map(({ ts: _ts, venue: _venue, conn: _conn, ...entry }) => entry);
    expect(told.length).toBeGreaterThan(10);
    expect(made.length).toBeGreaterThan(told.length + 10);
    expect(made.map((line) => line.market).slice(-told.length)).toEqual(told);
  }
  const trades = await bench.get('okx', 'rest', '/api/v5/market/trades?instId=BTC-USDT&limit=10');
  expect(JSON.parse(trades.ok ? trades.value.text : '{}').data).toHaveLength(10);
});
