/** ccxt's unified methods: each HTTP request asks for leave, and nothing else is ever sent. */

import { afterEach, describe, expect, test } from 'vitest';
import { err, failure } from '../../src/core/result.ts';
import { isExchange } from '../../src/io/ccxt.ts';
import { systemClock } from '../../src/io/clock.ts';
import { createUnified, type Leave, type Unified } from '../../src/io/unified.ts';
import { type CannedServer, cannedServer } from '../support/canned.ts';
import { krakenServer } from '../support/foreign.ts';

const open: { readonly unified: Unified; readonly server: CannedServer }[] = [];
afterEach(async () => {
  for (const { unified, server } of open.splice(0)) {
    unified.close();
    await server.stop();
  }
});

function of(server: CannedServer): Unified {
  const unified = createUnified({
    ccxtId: 'kraken',
    origin: server.origin,
    timeoutMs: 2_000,
    clock: systemClock(),
  });
  open.push({ unified, server });
  return unified;
}

const freely: Leave = (send) => send();

describe('a call', () => {
  test('asks for leave for each of its requests, the markets of the first call included', async () => {
    const server = await krakenServer();
    const unified = of(server);
    let leaves = 0;
    const counted: Leave = (send) => {
      leaves += 1;
      return send();
    };
    const first = await unified.call('fetchTrades', { symbol: 'BTC/USD' }, counted);
    expect([leaves, server.asked.length]).toEqual([3, 3]);
    const again = await unified.call('fetchTrades', { symbol: 'BTC/USD' }, counted);
    expect([leaves, server.asked.length]).toEqual([4, 4]);
    expect(first).toMatchObject({ ok: true, value: { url: 'ccxt://kraken/fetchTrades?symbol=BTC%2FUSD' } });
    expect(again.ok && (JSON.parse(again.value.text) as { id: string }[]).map(({ id }) => id)).toEqual([
      '1002',
      '1003',
      '1004',
    ]);
    expect(again.ok && again.value.text.includes('"info"')).toBe(false);
  });

  test('without leave sends nothing, and fails as it was refused', async () => {
    const server = await krakenServer();
    const aborted = failure('aborted', 'kraken: aborted', 'never');
    const refuse: Leave = async () => err({ ...aborted, venueCode: null, sent: false, answer: null });
    const answer = await of(server).call('fetchTicker', { symbol: 'BTC/USD' }, refuse);
    expect(answer).toMatchObject({ ok: false, error: { code: 'aborted' } });
    expect(server.asked).toEqual([]);
  });

  test('of an exchange that refuses us carries the status; the next call begins anew', async () => {
    let refuses = true;
    const server = await cannedServer(() =>
      refuses ? { status: 429, body: '{"error":["EAPI:Rate limit exceeded"]}' } : { status: 200, body: '{}' },
    );
    const unified = of(server);
    const statuses: unknown[] = [];
    const watched: Leave = async (send) => {
      const reply = await send();
      statuses.push(reply.ok ? 200 : reply.error.answer?.status);
      return reply;
    };
    const answer = await unified.call('loadMarkets', { symbols: 'BTC/USD' }, watched);
    expect(answer).toMatchObject({ ok: false, error: { code: '429' } });
    refuses = false;
    await unified.call('loadMarkets', { symbols: 'BTC/USD' }, watched);
    expect([statuses[0], statuses.length > 1]).toEqual([429, true]);
  });

  test('a symbol that is not listed, a method that is none of ours', async () => {
    const unified = of(await krakenServer());
    expect(await unified.call('fetchTicker', { symbol: 'NO/SUCH' }, freely)).toMatchObject({
      ok: false,
      error: { code: 'BadSymbol' },
    });
    expect(await unified.call('createOrder', { symbol: 'BTC/USD' }, freely)).toMatchObject({
      ok: false,
      error: { code: 'unknown_endpoint' },
    });
    const markets = await unified.call('loadMarkets', { symbols: 'BTC/USD,NO/SUCH' }, freely);
    expect(
      markets.ok && (JSON.parse(markets.value.text) as { symbol: string }[]).map((one) => one.symbol),
    ).toEqual(['BTC/USD']);
  });
});

test('which exchanges there are', () => {
  expect(['kraken', 'coinbase', 'krakn', '../kraken', 'Kraken', '', 'index'].map(isExchange)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
});
