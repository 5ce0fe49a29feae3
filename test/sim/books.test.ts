/**
 * What is sent, applied as each venue's page says, gives the model's book. Frames are read here anew, by hand: neither
 * the venues' schemas nor their mappers have a part in it.
 */

import { describe, expect, test } from 'vitest';
import { applyLevels, type Bench, type Json, type Kept, simBench, sorted } from './bench.ts';

interface Sides {
  readonly bids: Kept;
  readonly asks: Kept;
}

const empty = (): Sides => ({ bids: new Map(), asks: new Map() });

function apply(book: Sides, bids: Json, asks: Json): void {
  applyLevels(book.bids, bids);
  applyLevels(book.asks, asks);
}

function expectModel(book: Sides, bench: Bench, symbol: string, depth: number): void {
  const model = bench.view.book(symbol, depth);
  // What no update has told yet cannot be known.
  expect(model.sequence).toBe(model.told);
  expect(sorted(book.bids, 1).slice(0, depth)).toEqual(model.bids);
  expect(sorted(book.asks, -1).slice(0, depth)).toEqual(model.asks);
}

/** Runs on until the symbol's update has just been told. */
function settle(bench: Bench, symbol: string): void {
  for (let tries = 0; tries < 1_000; tries++) {
    bench.run(10);
    const { sequence, told } = bench.view.book(symbol, 1);
    if (sequence === told) return;
  }
  throw new Error(`${symbol} is never told whole`);
}

describe('binance', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'spot joins a REST snapshot by U ≤ lastUpdateId + 1 ≤ u (seed %i)',
    (seed) => {
      const bench = simBench('binance', { seed, rate: 3 });
      const client = bench.open('/stream');
      expect(client.say({ method: 'SUBSCRIBE', params: ['btcusdt@depth@100ms'], id: 1 })[0]?.text).toBe(
        '{"result":null,"id":1}',
      );
      bench.run(400 + seed * 37);
      const snapshot = JSON.parse(bench.rest('/api/v3/depth?symbol=BTCUSDT&limit=5000').body) as Json;
      bench.run(1_000);
      settle(bench, 'BTC/USDT');
      const deltas = client.frames.slice(1).map(({ text }) => (JSON.parse(text) as Json).data);
      const kept = deltas.filter((delta) => delta.u > snapshot.lastUpdateId);
      expect(kept[0].U).toBeLessThanOrEqual(snapshot.lastUpdateId + 1);
      expect(kept[0].u).toBeGreaterThanOrEqual(snapshot.lastUpdateId + 1);
      for (const [index, delta] of kept.entries())
        if (index > 0) expect(delta.U).toBe((kept[index - 1] as Json).u + 1);
      const book = empty();
      apply(book, snapshot.bids, snapshot.asks);
      for (const delta of kept) apply(book, delta.b, delta.a);
      expect(kept.length).toBeGreaterThan(5);
      expectModel(book, bench, 'BTC/USDT', 1_000);
    },
  );

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'USD-M joins by U ≤ lastUpdateId ≤ u or pu, then pu chains (seed %i)',
    (seed) => {
      const bench = simBench('binance', { seed, rate: 3 });
      const client = bench.open('/public/ws/ethusdt@depth@100ms');
      bench.run(400 + seed * 37);
      const snapshot = JSON.parse(bench.rest('/fapi/v1/depth?symbol=ETHUSDT&limit=1000').body) as Json;
      bench.run(1_000);
      settle(bench, 'ETH/USDT:USDT');
      const deltas = client.frames.map(({ text }) => JSON.parse(text) as Json);
      const kept = deltas.filter((delta) => delta.u >= snapshot.lastUpdateId && delta.pu >= 0);
      const start = kept.findIndex(
        (delta) =>
          delta.pu === snapshot.lastUpdateId ||
          (delta.U <= snapshot.lastUpdateId && snapshot.lastUpdateId <= delta.u),
      );
      expect(start).toBeGreaterThanOrEqual(0);
      const joined = kept.slice(start);
      for (const [index, delta] of joined.entries()) {
        if (index === 0) continue;
        const before = joined[index - 1] as Json;
        expect(delta.pu).toBe(before.u);
        expect(delta.U).not.toBe(before.u + 1);
      }
      const book = empty();
      apply(book, snapshot.bids, snapshot.asks);
      for (const delta of joined) apply(book, delta.b, delta.a);
      expectModel(book, bench, 'ETH/USDT:USDT', 1_000);
    },
  );
});

describe('bybit', () => {
  test.each([
    ['spot', 50],
    ['spot', 200],
    ['linear', 200],
    ['linear', 1000],
  ])('%s orderbook.%i: a snapshot, then u + 1; never more levels than the depth', (market, depth) => {
    const bench = simBench('bybit', { rate: 20 });
    const symbol = market === 'spot' ? 'BTC/USDT' : 'BTC/USDT:USDT';
    bench.run(333);
    const client = bench.open(`/v5/public/${market}`);
    client.say({ req_id: '7', op: 'subscribe', args: [`orderbook.${depth}.BTCUSDT`] });
    bench.run(3_000);
    settle(bench, symbol);
    const [ack, ...frames] = client.frames.map(({ text }) => JSON.parse(text) as Json);
    expect(ack).toMatchObject({ success: true, op: 'subscribe', req_id: '7' });
    expect(frames.map((frame) => frame.type)).toEqual(['snapshot', ...frames.slice(1).map(() => 'delta')]);
    expect(frames.length).toBeGreaterThan(50);
    const book = empty();
    for (const [index, frame] of frames.entries()) {
      if (index > 0) expect(frame.data.u).toBe(frames[index - 1].data.u + 1);
      apply(book, frame.data.b, frame.data.a);
      expect(Math.max(book.bids.size, book.asks.size)).toBeLessThanOrEqual(depth);
    }
    expectModel(book, bench, symbol, depth);
  });

  test('two clients of one topic, one of them late, are sent the same deltas', () => {
    const bench = simBench('bybit', { rate: 20 });
    const early = bench.open('/v5/public/linear');
    early.say({ op: 'subscribe', args: ['orderbook.50.BTCUSDT'] });
    bench.run(1_005);
    const late = bench.open('/v5/public/linear');
    late.say({ op: 'subscribe', args: ['orderbook.50.BTCUSDT'] });
    bench.run(1_000);
    const deltas = late.frames.slice(2).map(({ text }) => text);
    expect(deltas.length).toBeGreaterThan(10);
    expect(early.frames.slice(-deltas.length).map(({ text }) => text)).toEqual(deltas);
    const [, snapshot] = late.frames.map(({ text }) => JSON.parse(text) as Json);
    expect((JSON.parse(deltas[0] as string) as Json).data.u).toBe(snapshot.data.u + 1);
  });

  test('orderbook.1 is snapshots only; u + 1 each, the same u again after 3 s without a change', () => {
    const bench = simBench('bybit', { rate: 0.02 });
    const client = bench.open('/v5/public/spot');
    client.say({ op: 'subscribe', args: ['orderbook.1.ETHUSDT'] });
    bench.run(60_000);
    const frames = client.frames.slice(1).map(({ text }) => JSON.parse(text) as Json);
    expect(frames.every(({ type, data }) => type === 'snapshot' && data.b.length === 1)).toBe(true);
    const numbers = frames.map((frame) => frame.data.u as number);
    const stepsUp = new Set(numbers.slice(1).map((u, index) => u - (numbers[index] ?? 0)));
    expect([...stepsUp].sort()).toEqual([0, 1]);
    for (const [index, frame] of frames.entries()) {
      if (index > 0 && frame.data.u === frames[index - 1].data.u) {
        expect(frame.cts - frames[index - 1].cts).toBeGreaterThanOrEqual(3_000);
        expect([frame.data.b, frame.data.a]).toEqual([frames[index - 1].data.b, frames[index - 1].data.a]);
      }
    }
  });
});

describe('okx', () => {
  test.each(['BTC-USDT', 'BTC-USDT-SWAP'])(
    'books %s: 400 levels, prevSeqId chains, idle pushes between',
    (instId) => {
      const bench = simBench('okx', { rate: 20 });
      const symbol = instId.endsWith('SWAP') ? 'BTC/USDT:USDT' : 'BTC/USDT';
      bench.run(333);
      const client = bench.open('/ws/v5/public');
      client.say({ op: 'subscribe', args: [{ channel: 'books', instId }] });
      bench.run(10_000);
      settle(bench, symbol);
      const [ack, ...frames] = client.frames.map(({ text }) => JSON.parse(text) as Json);
      expect(ack).toMatchObject({ event: 'subscribe', arg: { channel: 'books', instId } });
      const [snapshot, ...updates] = frames.map((frame) => frame.data[0]);
      expect([frames[0].action, snapshot.prevSeqId, snapshot.checksum]).toEqual(['snapshot', -1, 0]);
      const book = empty();
      apply(book, snapshot.bids, snapshot.asks);
      let last = snapshot.seqId;
      let idle = 0;
      for (const update of updates) {
        expect(update.prevSeqId).toBe(last);
        if (update.seqId === last) {
          idle += 1;
          expect([update.bids, update.asks]).toEqual([[], []]);
        }
        last = update.seqId;
        apply(book, update.bids, update.asks);
        expect(Math.max(book.bids.size, book.asks.size)).toBeLessThanOrEqual(400);
      }
      expect(updates.length).toBeGreaterThan(80);
      expect(idle).toBeGreaterThan(0);
      expectModel(book, bench, symbol, 400);
    },
  );

  test('books5 shows the best five each time', () => {
    const bench = simBench('okx', { rate: 20 });
    const client = bench.open('/ws/v5/public');
    client.say({ op: 'subscribe', args: [{ channel: 'books5', instId: 'ETH-USDT' }] });
    bench.run(2_000);
    settle(bench, 'ETH/USDT');
    const last = JSON.parse(client.frames.at(-1)?.text ?? '') as Json;
    const { bids, asks } = bench.view.book('ETH/USDT', 5);
    expect(last.data[0].bids.map((level: string[]) => level.slice(0, 2))).toEqual(bids);
    expect(last.data[0].asks.map((level: string[]) => level.slice(0, 2))).toEqual(asks);
  });
});

describe('bitflyer', () => {
  /** Numbers as their own text. */
  const lossless = (text: string): Json =>
    JSON.parse(text.replace(/"[^"]*"|-?\d+(?:\.\d+)?/g, (m) => (m.startsWith('"') ? m : `"${m}"`)));
  const pairs = (side: Json): readonly (readonly [string, string])[] =>
    side.map(({ price, size }: Json) => [price, size]);

  test.each(['BTC_JPY', 'FX_BTC_JPY'])(
    '%s: snapshots every 5 s, unordered; deltas between give the next one',
    (id) => {
      const bench = simBench('bitflyer', { rate: 5 });
      const symbol = id === 'BTC_JPY' ? 'BTC/JPY' : 'BTC/JPY:JPY';
      const client = bench.open('/json-rpc');
      for (const channel of [`lightning_board_${id}`, `lightning_board_snapshot_${id}`])
        client.say({ jsonrpc: '2.0', method: 'subscribe', params: { channel }, id: 1 });
      bench.run(21_000);
      settle(bench, symbol);
      const frames = client.frames.slice(2).map(({ text }) => lossless(text).params);
      const snapshots = frames.filter((frame) => frame.channel.includes('snapshot'));
      expect(snapshots.length).toBe(5);
      const [first] = snapshots;
      const prices = pairs(first.message.bids).map(([price]) => Number(price));
      expect(prices).toHaveLength(300);
      expect(prices).not.toEqual([...prices].sort((a, b) => b - a));

      const book = empty();
      apply(book, pairs(first.message.bids), pairs(first.message.asks));
      let absent = 0;
      for (const frame of frames.slice(frames.indexOf(first) + 1)) {
        if (frame.channel.includes('snapshot')) continue;
        for (const [side, levels] of [
          [book.bids, pairs(frame.message.bids)],
          [book.asks, pairs(frame.message.asks)],
        ] as const)
          absent += levels.filter(([price, size]) => Number(size) === 0 && !side.has(price)).length;
        apply(book, pairs(frame.message.bids), pairs(frame.message.asks));
      }
      expect(absent).toBeGreaterThan(0);
      // Known is what lies within the first snapshot.
      expectModel(book, bench, symbol, 200);
    },
  );
});
