import { describe, expect, test } from 'vitest';
import { err, failure, ok, type Result } from '../../src/core/result.ts';
import type { RestCall } from '../../src/core/venue.ts';
import { keepTrying, type Preflight, preflight } from '../../src/runtime/preflight.ts';
import type { RestText } from '../../src/runtime/protocol.ts';
import { venueById } from '../../src/venues/index.ts';
import { manualClock } from '../support/clock.ts';

function venue(id: string) {
  const found = venueById(id);
  if (found === undefined) throw new Error(`no venue ${id}`);
  return found;
}

/** One round; `answer` plays the venue. */
async function round(
  id: string,
  symbols: readonly string[],
  answer: (call: RestCall) => Result<RestText> | string,
) {
  const calls: RestCall[] = [];
  const result = await preflight(
    venue(id),
    symbols.flatMap((symbol) => venue(id).locate(symbol) ?? []),
    async (call) => {
      calls.push(call);
      const given = answer(call);
      return typeof given === 'string' ? ok({ text: given, localUs: 0, url: '' }) : given;
    },
  );
  return { result, calls };
}

const bybitAnswer = ({ params }: RestCall): string => {
  const { category, symbol } = params;
  const contractType = category === 'linear' ? { contractType: 'LinearPerpetual' } : {};
  const one = {
    symbol,
    status: 'Trading',
    baseCoin: String(symbol).replace('USDT', ''),
    quoteCoin: 'USDT',
    priceFilter: { tickSize: '0.1' },
    ...contractType,
  };
  return JSON.stringify({ retCode: 0, result: { category, list: [one] } });
};

describe('one round', () => {
  test('the instruments that the settings name, by their symbols; the same id on two markets is two', async () => {
    const { result, calls } = await round('bybit', ['BTC/USDT', 'BTC/USDT:USDT'], bybitAnswer);
    expect(result).toMatchObject({
      ok: true,
      value: {
        unlisted: [],
        instruments: [
          { ex: 'bybit', symbol: 'BTC/USDT', id: 'BTCUSDT', market: 'spot', price_tick: '0.1' },
          { ex: 'bybit', symbol: 'BTC/USDT:USDT', id: 'BTCUSDT', market: 'linear' },
        ],
      },
    });
    expect(calls).toHaveLength(2);
  });

  test('a symbol that the venue does not list, whichever way the venue says so', async () => {
    const list = '[{"product_code":"BTC_JPY","market_type":"Spot"}]';
    const silent = await round('bitflyer', ['BTC/JPY', 'XRP/JPY'], () => list);
    expect(silent.result).toMatchObject({ ok: true, value: { unlisted: ['XRP/JPY'] } });
    const refusing = await round('bybit', ['BTC/USDT', 'NOPE/USDT'], (call) =>
      call.params.symbol === 'NOPEUSDT' ? err(failure('10001', 'params error')) : bybitAnswer(call),
    );
    expect(refusing.result).toMatchObject({
      ok: true,
      value: { unlisted: ['NOPE/USDT'], instruments: [{ symbol: 'BTC/USDT' }] },
    });
  });

  test('a symbol that is listed and not traded now is among the instruments, and told of', async () => {
    const halted = await round('bybit', ['BTC/USDT', 'ETH/USDT'], (call) =>
      call.params.symbol === 'ETHUSDT' ? bybitAnswer(call).replace('Trading', 'Closed') : bybitAnswer(call),
    );
    expect(halted.result).toMatchObject({
      ok: true,
      value: {
        unlisted: [],
        notTrading: ['ETH/USDT'],
        instruments: [{ trading: true }, { symbol: 'ETH/USDT', trading: false }],
      },
    });
  });

  test('a venue that cannot be reached, or answers in another form, fails the round', async () => {
    const away = await round('okx', ['BTC/USDT'], () => err(failure('ENOTFOUND', 'getaddrinfo')));
    expect(away.result).toMatchObject({ ok: false, error: { code: 'ENOTFOUND' } });
    const page = await round('okx', ['BTC/USDT'], () => '<html>maintenance</html>');
    expect(page.result).toMatchObject({
      ok: false,
      error: { code: 'not_json', message: expect.stringContaining('instruments: ') },
    });
  });
});

describe('keepTrying', () => {
  const good: Result<Preflight> = ok({ instruments: [], unlisted: [], notTrading: [] });
  const bad: Result<Preflight> = err(failure('ENOTFOUND', 'away'));

  /** Rounds that the test ends one by one. */
  function trying(chance = 1) {
    const clock = manualClock();
    const ends: ((result: Result<Preflight>) => void)[] = [];
    const startedMs: number[] = [];
    const heard: boolean[] = [];
    const stop = keepTrying(
      () =>
        new Promise((resolve) => {
          startedMs.push(clock.monoMs());
          ends.push(resolve);
        }),
      { clock, random: () => chance },
      (result) => heard.push(result.ok),
    );
    const end = async (result: Result<Preflight>): Promise<void> => {
      ends.at(-1)?.(result);
      await new Promise(setImmediate);
    };
    return { clock, startedMs, heard, end, stop };
  }

  test('asks at once, then again with growing waits, capped at a minute, until the venue answers; tells of every round', async () => {
    const { clock, startedMs, heard, end } = trying();
    const waits: number[] = [];
    for (let at = 0; at < 50; at++) {
      const from = clock.monoMs();
      if (at > 0) clock.advance(60_000);
      waits.push((startedMs[at] ?? 0) - from);
      await end(at < 49 ? bad : good);
    }
    expect(waits.slice(0, 7)).toEqual([0, 5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    expect(heard).toEqual([...Array(49).fill(false), true]);
    clock.advance(3_600_000);
    expect([startedMs.length, clock.pending()]).toEqual([50, 0]);
  });

  test('one round at a time: a slow one is waited for', async () => {
    const { clock, startedMs, end } = trying();
    clock.advance(600_000);
    expect(startedMs).toHaveLength(1);
    await end(bad);
    clock.advance(5_000);
    expect(startedMs).toHaveLength(2);
  });

  test('nothing after the stop, neither a round nor its news', async () => {
    const { clock, startedMs, heard, end, stop } = trying();
    stop();
    await end(bad);
    clock.advance(600_000);
    expect([startedMs.length, heard, clock.pending()]).toEqual([1, [], 0]);
  });

  test('stopped between two rounds', async () => {
    const { clock, startedMs, end, stop } = trying();
    await end(bad);
    stop();
    clock.advance(600_000);
    expect([startedMs.length, clock.pending()]).toEqual([1, 0]);
  });
});
