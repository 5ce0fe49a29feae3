import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/ports.ts';
import type { RestCall } from '../../src/core/venue.ts';
import { systemClock } from '../../src/io/clock.ts';
import { createHttp, type Http } from '../../src/io/http.ts';
import { createGovernor } from '../../src/runtime/governor.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import { createRest } from '../../src/runtime/rest.ts';
import { manualClock } from '../support/clock.ts';

interface Canned {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

let server: Server;
let base: string;
let answers: Canned[];
let asked: string[];
const open: Http[] = [];

beforeEach(async () => {
  answers = [];
  asked = [];
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { status, body, headers } = answers.shift() ?? { status: 200, body: '[]' };
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const http of open.splice(0)) http.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const VENUES = {
  bitflyer: { method: 'publicGetGetmarkets', base: 'rest' },
  bybit: { method: 'publicGetV5MarketInstrumentsInfo', base: 'public' },
  okx: { method: 'publicGetPublicInstruments', base: 'rest' },
  binance: { method: 'publicGetDepth', base: 'public' },
};

/** Waits and pauses by the manual clock, answers over a real socket. */
function restOf(id: keyof typeof VENUES) {
  const manual = manualClock();
  const windows = [{ name: 'ip', limit: 100, perMs: 1_000 }];
  const governor = createGovernor({ venue: id, maxInfoRpm: 60, share: 1, windows, clock: manual });
  const facts: Fact[] = [];
  const clock: Clock = systemClock();
  const http = createHttp({ ccxtId: id, bases: { [VENUES[id].base]: base }, timeoutMs: 5_000, clock });
  open.push(http);
  const rest = createRest({
    venue: { id },
    governor,
    http,
    clock: manual,
    onFact: (fact) => facts.push(fact),
  });
  const call: RestCall = { method: VENUES[id].method, market: null, params: {}, window: 'ip', weight: 1 };
  return { clock: manual, governor, facts, rest, call };
}

describe('ask', () => {
  it('gives the text and the time of receipt, and sends nothing before its permit', async () => {
    const { rest, call, clock, governor } = restOf('bitflyer');
    const text = '[{"product_code":"BTC_JPY", "market_type":"Spot"}] ';
    answers.push({ status: 200, body: text });
    const first = await rest.ask(call, 'poll', 'w');
    expect(first).toMatchObject({ ok: true, value: { text } });
    expect(Object.keys(first.ok ? first.value : {})).toEqual(['text', 'localUs']);
    const second = rest.ask(call, 'poll', 'w');
    expect(governor.stats()).toMatchObject({ waiting: 1, outcomes_total: { OK: 1 } });
    expect(asked).toHaveLength(1);
    clock.advance(1_001);
    expect((await second).ok).toBe(true);
    expect(asked).toHaveLength(2);
    expect(governor.stats().outcomes_total).toEqual({ OK: 2 });
  });

  it('sends nothing for a wait that ended, or a call that can never fit', async () => {
    const { rest, call, governor } = restOf('bitflyer');
    await rest.ask(call, 'poll', 'w');
    const abort = new AbortController();
    const aborted = rest.ask(call, 'poll', 'w', abort.signal);
    const dead = rest.ask(call, 'poll', 'dead');
    abort.abort();
    governor.cancel('dead');
    const heavy = rest.ask({ ...call, weight: 101 }, 'resync', 'w');
    const codes = (await Promise.all([aborted, dead, heavy])).map(
      (result) => !result.ok && result.error.code,
    );
    expect(codes).toEqual(['aborted', 'aborted', 'refused']);
    expect(asked).toHaveLength(1);
    expect(governor.stats().outcomes_total).toEqual({ OK: 1 });
  });

  const SPACING_SEC = 1;
  it.each([
    ['bybit', { status: 403, body: 'access too frequent' }, '403', 403, 600],
    ['bybit', { status: 403, body: '', headers: { 'retry-after': '5' } }, '403', 403, 600],
    ['bybit', { status: 403, body: '', headers: { 'retry-after': '900' } }, '403', 403, 900],
    ['bybit', { status: 200, body: '{"retCode":10006,"retMsg":"Too many visits!"}' }, '10006', 429, 60],
    ['bybit', { status: 200, body: '{"retCode":10429,"retMsg":"protection"}' }, '10429', 429, 60],
    ['okx', { status: 429, body: '{"code":"50011","msg":"Too Many Requests"}' }, '429', 429, 60],
    ['okx', { status: 200, body: '{"code":"50011","msg":"Too Many Requests"}' }, '50011', 429, 60],
    ['binance', { status: 403, body: '<html>' }, '403', 403, 60],
    ['binance', { status: 429, body: '{"code":-1003}', headers: { 'retry-after': '17' } }, '429', 429, 17],
    [
      'binance',
      { status: 418, body: '{"code":-1003}', headers: { 'retry-after': '7200' } },
      '418',
      418,
      7200,
    ],
    ['binance', { status: 418, body: '{"code":-1003}' }, '418', 418, 60],
    ['okx', { status: 503, body: '{"code":"50013","msg":"busy"}' }, '50013', 'ERR', SPACING_SEC],
    ['bybit', { status: 200, body: '{"retCode":10001,"retMsg":"params"}' }, '10001', 'ERR', SPACING_SEC],
  ] as const)('%s answering %o fails with %s, notes %s and holds the next call %d s', async (...row) => {
    const [id, canned, code, outcome, sec] = row;
    const { rest, call, clock, governor, facts } = restOf(id);
    answers.push({ ...canned });
    const failed = await rest.ask(call, 'poll', 'w');
    expect(failed).toMatchObject({ ok: false, error: { code } });
    // It crosses to a thread: the plain failure only.
    expect(Object.keys(failed.ok ? {} : failed.error).sort()).toEqual(['code', 'message', 'retry']);
    expect(governor.stats().outcomes_total).toEqual({ [outcome]: 1 });
    const limited = outcome !== 'ERR';
    expect(governor.stats()).toMatchObject({ throttle: limited, paused_sec: limited ? sec : 0, err_60s: 1 });
    expect(facts).toEqual(
      limited
        ? [{ type: 'rate_limit', scope: id, code, pause_sec: sec, reason: expect.stringContaining('HTTP') }]
        : [],
    );

    const next = rest.ask(call, 'resync', 'w');
    clock.advance(sec * 1_000 - 1);
    expect(governor.stats().waiting).toBe(1);
    expect(asked).toHaveLength(1);
    clock.advance(10);
    await next;
    expect(asked).toHaveLength(2);
  });
});
