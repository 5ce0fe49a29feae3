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
import { venueById } from '../../src/venues/index.ts';
import { manualClock } from '../support/clock.ts';
import { until } from '../support/collector.ts';
import { STRETCH } from '../support/governor.ts';

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
function restOf(
  id: keyof typeof VENUES,
  weights: Record<string, number> = {},
  onPermit: () => void = () => undefined,
) {
  const venue = venueById(id);
  if (venue === undefined) throw new Error(`no venue ${id}`);
  const manual = manualClock();
  const windows = [{ name: 'ip', limit: 100, perMs: 1_000 }];
  const options = { venue: id, maxInfoRpm: 60, share: 1, windows, stretch: STRETCH, clock: manual };
  const governor = createGovernor(options);
  const facts: Fact[] = [];
  const sessionPauses: number[] = [];
  const clock: Clock = systemClock();
  const http = createHttp({ ccxtId: id, bases: { [VENUES[id].base]: base }, timeoutMs: 5_000, clock });
  open.push(http);
  const rest = createRest({
    venue,
    governor: {
      ...governor,
      async acquire(demand) {
        const permit = await governor.acquire(demand);
        onPermit();
        return permit;
      },
    },
    http,
    clock: manual,
    weights: () => weights,
    redact: (text) => text.replaceAll('s3cret', '***'),
    onFact: (fact) => facts.push(fact),
    onSessionsPause: (ms) => sessionPauses.push(ms),
  });
  const call: RestCall = { method: VENUES[id].method, market: null, params: {}, window: 'ip', weight: 1 };
  return { clock: manual, governor, facts, sessionPauses, rest, call, http };
}

describe('ask', () => {
  it('tells when it was sent, when its head came, and the date in it', async () => {
    const { rest, call } = restOf('bitflyer');
    answers.push({ status: 200, body: '[]', headers: { Date: 'Sat, 21 Nov 2026 00:00:00 GMT' } });
    const clock = systemClock();
    const fromUs = clock.wallUs();
    const answer = await rest.ask(call, 'poll', 'w');
    if (!answer.ok) throw new Error(answer.error.message);
    const { sentUs, headUs, localUs, date } = answer.value;
    // Each clock of ours agrees with each other to 2 ms.
    expect(fromUs - 2_000).toBeLessThanOrEqual(sentUs);
    expect(sentUs).toBeLessThan(headUs);
    expect(headUs).toBeLessThanOrEqual(localUs);
    expect(date).toBe('Sat, 21 Nov 2026 00:00:00 GMT');
  });

  it('fails without the secrets that a venue repeats, also in what it tells of a limit', async () => {
    const { rest, call, facts } = restOf('okx');
    answers.push({ status: 429, body: 'slower, s3cret' });
    expect(await rest.ask(call, 'poll', 'w')).toMatchObject({
      error: { code: '429', message: expect.stringMatching(/HTTP 429 slower, \*\*\*$/) },
    });
    expect(JSON.stringify(facts)).not.toContain('s3cret');
    expect(facts).toHaveLength(1);
  });

  it('gives the text and the time of receipt, and sends nothing before its permit', async () => {
    const { rest, call, clock, governor } = restOf('bitflyer');
    const text = '[{"product_code":"BTC_JPY", "market_type":"Spot"}] ';
    answers.push({ status: 200, body: text });
    const first = await rest.ask(call, 'poll', 'w');
    expect(first).toMatchObject({ ok: true, value: { text } });
    expect(Object.keys(first.ok ? first.value : {})).toEqual([
      'text',
      'localUs',
      'sentUs',
      'headUs',
      'date',
      'url',
    ]);
    const second = rest.ask(call, 'poll', 'w');
    await until('it waits', () => governor.stats().waiting === 1);
    expect(governor.stats().outcomes_total).toEqual({ OK: 1 });
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
    await until('it waits', () => governor.stats().waiting === 1);
    abort.abort();
    const heavy = rest.ask({ ...call, weight: 101 }, 'resync', 'w');
    const codes = (await Promise.all([aborted, heavy])).map((result) => !result.ok && result.error.code);
    expect(codes).toEqual(['aborted', 'refused']);
    expect(asked).toHaveLength(1);
    expect(governor.stats().outcomes_total).toEqual({ OK: 1 });
  });

  it('gives back the permit of what was not sent: aborted at the last moment, or unknown to the client', async () => {
    const abort = new AbortController();
    let permits = 0;
    const { rest, call, governor, http } = restOf('bitflyer', {}, () => {
      permits += 1;
      abort.abort();
    });
    const aborted = await rest.ask(call, 'poll', 'w', abort.signal);
    const unknown = await rest.ask({ ...call, method: 'publicGetNothing' }, 'poll', 'w');
    expect([aborted, unknown]).toMatchObject([
      { ok: false, error: { code: 'aborted' } },
      { ok: false, error: { code: 'unknown_endpoint' } },
    ]);
    http.close();
    expect(await rest.ask(call, 'poll', 'w')).toMatchObject({ ok: false, error: { code: 'aborted' } });
    expect([permits, asked]).toEqual([3, []]);
    expect(governor.stats()).toMatchObject({ rpm_60s: 0, permits_total: 0, outcomes_total: {} });
  });

  it('counts what the settings say that a call counts', async () => {
    const { rest, call, governor } = restOf('bitflyer', { publicGetGetmarkets: 7 });
    await rest.ask(call, 'poll', 'w');
    expect(governor.stats().windows).toEqual({ ip: { used: 7, cap: 100 } });
  });

  it('tells the governor what the venue counts for our address', async () => {
    const { rest, call, governor } = restOf('binance');
    answers.push({ status: 200, body: '{}', headers: { 'X-MBX-USED-WEIGHT-1M': '97' } });
    await rest.ask(call, 'poll', 'w');
    expect(governor.stats().windows).toEqual({ ip: { used: 97, cap: 100 } });
  });

  it('takes a network that fails for no limit', async () => {
    const { rest, call, governor, clock, facts } = restOf('bitflyer');
    const { port } = server.address() as AddressInfo;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    for (let n = 0; n < 5; n++) {
      expect(await rest.ask(call, 'poll', 'w')).toMatchObject({ ok: false, error: { code: 'ECONNREFUSED' } });
      clock.advance(1_001);
    }
    expect(governor.stats()).toMatchObject({ paused_sec: 0, stretch: 2, outcomes_total: { ERR: 5 } });
    expect(facts).toEqual([]);
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
  });

  const SPACING_SEC = 1;
  const reset = () => ({ 'x-bapi-limit-reset-timestamp': `${Date.now() + 3_000}` });
  it.each([
    ['bybit', { status: 403, body: 'access too frequent' }, '403', 403, 600],
    ['bybit', { status: 403, body: '', headers: { 'retry-after': '5' } }, '403', 403, 600],
    ['bybit', { status: 403, body: '', headers: { 'retry-after': '900' } }, '403', 403, 900],
    ['bybit', { status: 200, body: '{"retCode":10006,"retMsg":"Too many visits!"}' }, '10006', 429, 5],
    ['bybit', { status: 200, body: '{"retCode":10429,"retMsg":"protection"}' }, '10429', 429, 60],
    ['okx', { status: 429, body: '{"code":"50011","msg":"Too Many Requests"}' }, '429', 429, 2],
    ['okx', { status: 200, body: '{"code":"50011","msg":"Too Many Requests"}' }, '50011', 429, 2],
    ['okx', { status: 503, body: '{"code":"50013","msg":"busy"}' }, '50013', 'ERR', 5],
    ['binance', { status: 403, body: '<html>' }, '403', 403, 300],
    ['binance', { status: 429, body: '{"code":-1003}', headers: { 'retry-after': '7' } }, '429', 429, 7],
    [
      'binance',
      { status: 418, body: '{"code":-1003}', headers: { 'retry-after': '7200' } },
      '418',
      418,
      7200,
    ],
    ['binance', { status: 418, body: '{"code":-1003}' }, '418', 418, 120],
    ['bitflyer', { status: 429, body: '' }, '429', 429, 60],
    ['bybit', { status: 200, body: '{"retCode":10001,"retMsg":"params"}' }, '10001', 'ERR', SPACING_SEC],
    ['okx', { status: 502, body: '<html>' }, '502', 'ERR', SPACING_SEC],
  ] as const)('%s answering %o fails with %s, notes %s and holds the next call %d s', async (...row) => {
    const [id, canned, code, outcome, sec] = row;
    const { rest, call, clock, governor, facts, sessionPauses } = restOf(id);
    answers.push({ ...canned });
    const failed = await rest.ask(call, 'poll', 'w');
    expect(failed).toMatchObject({ ok: false, error: { code } });
    // It crosses to a thread: the plain failure only.
    expect(Object.keys(failed.ok ? {} : failed.error).sort()).toEqual(['code', 'message', 'retry']);
    expect(governor.stats().outcomes_total).toEqual({ [outcome]: 1 });
    const limited = sec !== SPACING_SEC;
    expect(governor.stats()).toMatchObject({ throttle: limited, paused_sec: limited ? sec : 0, err_60s: 1 });
    const ban = outcome === 403 || outcome === 418;
    const sessions = id === 'bybit' && outcome === 403;
    const until_ts = clock.wallUs() / 1e6 + sec;
    const reason = expect.stringContaining('HTTP');
    expect(facts).toEqual(
      limited
        ? [{ type: ban ? 'ban' : 'rate_limit', scope: id, code, pause_sec: sec, until_ts, sessions, reason }]
        : [],
    );
    expect(sessionPauses).toEqual(sessions ? [sec * 1000] : []);

    const next = rest.ask(call, 'resync', 'w');
    await until('it waits', () => governor.stats().waiting === 1);
    clock.advance(sec * 1_000 - 1);
    expect(governor.stats().waiting).toBe(1);
    expect(asked).toHaveLength(1);
    clock.advance(10);
    await next;
    expect(asked).toHaveLength(2);
  });

  it('obeys the moment that a header or a ban names, never early and at most a second late', async () => {
    for (const [id, canned] of [
      ['bybit', { status: 200, body: '{"retCode":10006}', headers: reset() }],
      ['binance', { status: 418, body: `{"code":-1003,"msg":"IP banned until ${Date.now() + 3_000}."}` }],
    ] as const) {
      const { rest, call, governor } = restOf(id);
      answers.push({ ...canned });
      const from = Date.now();
      await rest.ask(call, 'poll', 'w');
      const late = Date.now() - from;
      const pausedMs = governor.stats().paused_sec * 1_000;
      expect(pausedMs).toBeGreaterThanOrEqual(3_000 - late);
      expect(pausedMs).toBeLessThanOrEqual(4_000);
    }
  });
});
