import { describe, expect, test } from 'vitest';
import { pollBudget } from '../../src/runtime/poll-budget.ts';
import { stationOf } from '../support/station.ts';

const rest = (interval_sec: number) => ({ transport: 'rest', rest: { interval_sec } });
const off = { enabled: false };

describe('polling that the budget slows down', () => {
  test('nothing is said of WebSockets, nor of polling that fits exactly', () => {
    expect(pollBudget(stationOf('okx', {}))).toEqual({ never: null, slower: null });
    // 3 symbols × 3 feeds, 270 calls a minute: one each 2 s.
    const feeds = { ticker: rest(2), orderbook: rest(2), trades: rest(2) };
    const symbols = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'];
    expect(pollBudget(stationOf('okx', { symbols, feeds }))).toEqual({ never: null, slower: null });
  });

  test('calls a minute: what is asked, what there is, and what becomes of the interval', () => {
    const symbols = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT', 'XRP/USDT'];
    const feeds = { ticker: rest(2), orderbook: rest(2), trades: rest(2) };
    expect(pollBudget(stationOf('okx', { symbols, feeds })).slower).toBe(
      'polling asks for 360 calls/min of 270: intervals will be stretched to about 2.7 s',
    );
    expect(pollBudget(stationOf('bitflyer', { feeds: { ticker: rest(0.5), trades: off } })).slower).toBe(
      'polling asks for 120 calls/min of 90: intervals will be stretched to about 0.7 s',
    );
  });

  test('of a feed that needs several calls a poll, each counts; of one that is off none', () => {
    const feeds = { ticker: rest(0.4), orderbook: off, trades: { ...off, ...rest(0.1) } };
    const one = stationOf('binance', { symbols: ['BTC/USDT:USDT'], feeds });
    expect(pollBudget(one).slower).toBe(
      'polling asks for 300 calls/min of 270: intervals will be stretched to about 0.4 s',
    );
  });

  test('intervals of several lengths are stretched alike', () => {
    const feeds = { ticker: rest(0.5), orderbook: rest(1), trades: rest(0.2) };
    expect(pollBudget(stationOf('okx', { feeds })).slower).toBe(
      'polling asks for 480 calls/min of 270: intervals will be stretched to about 1.8 times their length',
    );
  });

  test('a window of the venue that is tighter than the calls, with weights as the settings have them', () => {
    // A snapshot of 5,000 levels weighs 250: 30 a minute are 7,500 of 5,400.
    const feeds = { orderbook: { ...rest(2), depth: 5_000 } };
    expect(pollBudget(stationOf('binance', { feeds })).slower).toBe(
      'polling asks for 7500 of 5400 in 60 s of spot_weight: intervals will be stretched to about 2.8 s',
    );
    const rate = { weights: { publicGetDepth: 50 } };
    expect(pollBudget(stationOf('binance', { feeds, rate })).slower).toBeNull();
  });
});

describe('a call that can never be made', () => {
  const never = (id: string, settings: object): string | null => pollBudget(stationOf(id, settings)).never;
  const rate = (weights: object) => ({ rate: { windows: { spot_weight: { limit: 200 } }, weights } });

  test('a snapshot, a poll, and the polls of a WebSocket that goes down', () => {
    const deep = { orderbook: { depth: 1_000 } };
    expect(never('binance', { feeds: deep, ...rate({}) })).toBeNull();
    expect(never('binance', { feeds: { orderbook: { depth: 5_000 } }, ...rate({}) })).toBe(
      'publicGetDepth: a weight of 250 is above the 180 that window spot_weight holds',
    );
    const trades = { orderbook: off, ticker: off, trades: {} };
    expect(never('binance', { feeds: trades, ...rate({ publicGetTrades: 181 }) })).toMatch(
      /^publicGetTrades: /,
    );
    const alone = { ...trades, trades: { fallback: { enabled: false } } };
    expect(never('binance', { feeds: alone, ...rate({ publicGetTrades: 181 }) })).toBeNull();
    const polled = { ...trades, trades: { ...rest(2), fallback: { enabled: false } } };
    expect(never('binance', { feeds: polled, ...rate({ publicGetTrades: 181 }) })).toMatch(
      /^publicGetTrades: /,
    );
  });

  test('the preflight itself', () => {
    expect(never('okx', { rate: { weights: { publicGetPublicInstruments: 19 } } })).toBe(
      'publicGetPublicInstruments: a weight of 19 is above the 18 that window instruments holds',
    );
  });
});
