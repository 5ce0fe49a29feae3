import { describe, expect, test } from 'vitest';
import { createLatency } from '../../src/runtime/latency.ts';
import { createWorkerTally } from '../../src/runtime/worker-tally.ts';
import { binance } from '../fixtures/frames.ts';
import { playFeed } from '../support/feed.ts';
import { LOCAL_US } from '../support/intake.ts';

describe('latency', () => {
  test('nothing before the first sample', () => {
    expect(createLatency().quantiles()).toEqual({ p50: null, p99: null });
  });

  test('quantiles by value, negative where the venue is ahead, in thousandths of a ms', () => {
    const latency = createLatency();
    for (const ms of [9, -3, 100, 20, 5.12345]) latency.add(ms);
    expect(latency.quantiles()).toEqual({ p50: 9, p99: 20 });
    latency.add(-40);
    expect(latency.quantiles().p50).toBe(5.123);
  });

  test('only the newest 1,024 count', () => {
    const latency = createLatency();
    for (let i = 0; i < 1_024; i++) latency.add(1_000);
    for (let i = 0; i < 1_023; i++) latency.add(1);
    expect(latency.quantiles()).toEqual({ p50: 1, p99: 1 });
    for (let i = 0; i < 20; i++) latency.add(7);
    expect(latency.quantiles()).toEqual({ p50: 1, p99: 7 });
  });
});

describe('a trade whose time lies ahead of our clock', () => {
  test.each([
    ['by less than a second', 940, 0],
    ['by more, which is counted', 1_500, 1],
    ['by hours', 7_200_000, 1],
  ])('%s: its latency is negative, and its row holds both times as they are', (_, aheadMs, ahead) => {
    const played = playFeed('binance', 'trades', ['BTC/USDT']);
    played.run.credit(10);
    const { handlers } = played.source('spot');
    handlers.onOpen();
    handlers.onFrame(binance.trade({ T: LOCAL_US / 1_000 + aheadMs }), LOCAL_US);
    played.clock.advance(1_000);
    const [cells, ...others] = played.rows().map((row) => row.split(','));
    expect(others).toEqual([]);
    expect(cells?.slice(2, 4)).toEqual([String(LOCAL_US + aheadMs * 1_000), String(LOCAL_US)]);
    expect(played.status()).toMatchObject({ ahead, rejects: 0, events: 1 });

    const tally = createWorkerTally(played.clock, 'trades');
    for (const post of played.posts) if (post.type === 'batch') tally.batch(post.batch);
    expect(tally.read().latency).toEqual({ p50: -aheadMs, p99: -aheadMs });
  });
});
