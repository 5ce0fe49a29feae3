/** The preflights of several venues together, on answers and a clock that the test plays. */

import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { err, failure, ok, type Result } from '../../src/core/result.ts';
import type { RestCall } from '../../src/core/venue.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import type { TimedText } from '../../src/runtime/rest.ts';
import { createRollCall, type RollCall } from '../../src/runtime/roll-call.ts';
import { manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { limited } from '../support/governor.ts';
import { closeStation, stationOf } from '../support/station.ts';

type Answer = (call: RestCall) => string | Result<TimedText> | Promise<Result<TimedText>>;

let folder: string;
beforeEach(async () => {
  folder = await tempFolder();
  mkdirSync(join(folder, 'raw'));
});
afterEach(() => removeFolder(folder));

/** `{BTC-USDT: live}` */
const okxList = (states: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    code: '0',
    data: Object.entries(states).map(([instId, state]) => ({
      ...{ instType: 'SPOT', instId, state, ctVal: '', tickSz: '0.1' },
    })),
  });
const okx =
  (states: Readonly<Record<string, string>>): Answer =>
  ({ method, params }) => {
    if (method === 'publicGetPublicTime') return '{"code":"0","data":[{"ts":"1795219200000"}]}';
    const id = String(params.instId);
    return id in states ? okxList({ [id]: states[id] ?? '' }) : err(failure('51001', 'no such instrument'));
  };
const away: Answer = () => err(failure('ECONNREFUSED', 'http://x: refused'));

/** Venues with their settings and how they answer at first. */
function calling(venues: Readonly<Record<string, { readonly settings: object; readonly answer: Answer }>>) {
  const clock = manualClock();
  const answers = Object.fromEntries(Object.entries(venues).map(([id, { answer }]) => [id, answer]));
  const calls: { readonly venue: string; readonly method: string; readonly priority: string }[] = [];
  const stations = Object.entries(venues).map(([id, { settings }]) => ({
    ...stationOf(id, settings, { clock }),
    rest: {
      async ask(call: RestCall, priority: string) {
        calls.push({ venue: id, method: call.method, priority });
        const given = await (answers[id] ?? away)(call);
        const nowUs = clock.wallUs();
        const timing = { localUs: nowUs, sentUs: nowUs, headUs: nowUs, date: null };
        return typeof given === 'string' ? ok({ text: given, url: '', ...timing }) : given;
      },
    },
  }));
  const lines: string[] = [];
  const facts: Fact[] = [];
  const rollCall: RollCall = createRollCall({
    stations,
    clock,
    random: () => 1,
    kind: 'live',
    dataDir: folder,
    say: (line) => lines.push(line),
    note: (fact) => facts.push(fact),
    onError: (scope, why) => facts.push({ type: 'error', scope, ...why }),
  });
  const settle = async (): Promise<void> => {
    for (let at = 0; at < 5; at++) await new Promise(setImmediate);
  };
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
  };
  const stop = async (): Promise<void> => {
    await rollCall.stop();
    for (const one of stations) closeStation(one);
  };
  return { clock, stations, calls, answers, lines, facts, rollCall, pass, settle, stop };
}

const BTC = { symbols: ['BTC/USDT'] };
const OK_LINE = '[OK] preflight: okx.ticker.preflight';

describe('a venue that passes', () => {
  test('is told in its line, its clock is measured, its instruments are kept', async () => {
    const { rollCall, lines, facts, calls, stop } = calling({
      okx: { settings: BTC, answer: okx({ 'BTC-USDT': 'live' }) },
    });
    expect(rollCall.venues().okx).toMatchObject({ rest_ok: null, clock_offset_ms: null });
    expect(await rollCall.first()).toEqual([]);
    expect([lines, facts]).toEqual([[OK_LINE], []]);
    expect(rollCall.venues().okx).toMatchObject({ rest_ok: true, not_trading: [], clock_offset_ms: 0.5 });
    expect(calls.slice(0, 2)).toEqual([
      { venue: 'okx', method: 'publicGetPublicInstruments', priority: 'resync' },
      { venue: 'okx', method: 'publicGetPublicTime', priority: 'backfill' },
    ]);
    await stop();
    expect(JSON.parse(await readFile(join(folder, 'raw/instruments.json'), 'utf8'))).toMatchObject([
      { ex: 'okx', symbol: 'BTC/USDT' },
    ]);
  });

  test('has told its time by the Date of that answer, where it tells it in no other way', async () => {
    let asked = 0;
    const { rollCall, clock, stop } = calling({
      bitflyer: {
        settings: {},
        answer: (call) => {
          const nowUs = clock.wallUs();
          const date = new Date(nowUs / 1_000 + 5_000).toUTCString();
          const timing = { localUs: nowUs, sentUs: nowUs, headUs: nowUs, date };
          const text = '[{"product_code":"BTC_JPY","market_type":"Spot"}]';
          return asked++ === 0 ? ok({ text, url: '', ...timing }) : away(call);
        },
      },
    });
    await rollCall.first();
    expect(rollCall.venues().bitflyer).toMatchObject({ clock_offset_ms: 5_500, clock_uncertainty_ms: 500 });
    await stop();
  });

  test('and whose clock cannot be asked passes all the same', async () => {
    const { rollCall, lines, facts, stop } = calling({
      okx: {
        settings: BTC,
        answer: (call) =>
          call.method === 'publicGetPublicTime' ? away(call) : okx({ 'BTC-USDT': 'live' })(call),
      },
    });
    expect(await rollCall.first()).toEqual([]);
    expect(lines).toEqual([OK_LINE]);
    expect(facts).toMatchObject([{ type: 'clock_failed', scope: 'okx', code: 'ECONNREFUSED' }]);
    expect(rollCall.venues().okx).toMatchObject({ rest_ok: true, clock_offset_ms: null });
    await stop();
  });
});

describe('a venue that does not', () => {
  test('is said once for each reason, tried until it passes, and keeps nobody from passing', async () => {
    const { rollCall, answers, lines, facts, pass, stop } = calling({
      okx: { settings: BTC, answer: away },
      bitflyer: { settings: {}, answer: () => '[{"product_code":"BTC_JPY","market_type":"Spot"}]' },
    });
    expect(await rollCall.first()).toEqual([]);
    const hint = '(tried again for ever; without a network use --sim)';
    const refused = `[NG] preflight: okx.ticker.preflight ECONNREFUSED http://x: refused ${hint}`;
    expect([...lines].sort()).toEqual([refused, '[OK] preflight: bitflyer.ticker.preflight']);
    expect(rollCall.failures()).toEqual(new Map([['okx', 'preflight ECONNREFUSED http://x: refused']]));
    for (let at = 0; at < 10; at++) await pass(60_000);
    expect(lines).toHaveLength(2);
    answers.okx = () => '<html>';
    await pass(60_000);
    expect(lines.at(-1)).toContain('preflight not_json instruments: ');
    answers.okx = okx({ 'BTC-USDT': 'live' });
    await pass(60_000);
    expect(lines.at(-1)).toBe(OK_LINE);
    expect([rollCall.failures().size, rollCall.venues().okx?.rest_ok]).toEqual([0, true]);
    expect(facts.filter(({ scope, type }) => scope === 'okx' && type === 'preflight')).toMatchObject([
      { code: 'ECONNREFUSED' },
      { code: 'not_json' },
    ]);
    await stop();
  });

  test('answer at all is waited for 5 s, and then goes on by itself: its late answer counts', async () => {
    const late: ((result: Result<TimedText>) => void)[] = [];
    const { rollCall, answers, lines, calls, pass, settle, stop } = calling({
      okx: { settings: BTC, answer: () => new Promise((resolve) => late.push(resolve)) },
    });
    const first = rollCall.first();
    await pass(4_999);
    expect(lines).toEqual([]);
    await pass(1);
    expect(await first).toEqual([]);
    expect(lines[0]).toMatch(/preflight ETIMEDOUT no answer within 5 s/);
    await pass(300_000);
    expect(calls).toHaveLength(1);
    answers.okx = okx({ 'BTC-USDT': 'live' });
    const [answer] = late;
    const text = okxList({ 'BTC-USDT': 'live' });
    answer?.(ok({ text, url: '', localUs: 0, sentUs: 0, headUs: 0, date: null }));
    await settle();
    expect(lines[1]).toBe(OK_LINE);
    await stop();
  });

  test('because it has banned us says so', async () => {
    const { rollCall, stations, clock, lines, stop } = calling({ okx: { settings: BTC, answer: away } });
    const permit = { window: '', weight: 0, waitedMs: 0, atMs: clock.monoMs() };
    await stations[0]?.governor.ended(permit, { ...limited(60_000), reason: 'HTTP 429 slower' });
    await rollCall.first();
    expect(lines[0]).toMatch(/preflight paused HTTP 429 slower/);
    await stop();
  });
});

describe('symbols', () => {
  const two = { symbols: ['BTC/USDT', 'ABC/USDT'] };

  test('that are not listed are given in words, with their place in the settings', async () => {
    const { rollCall, lines, stop } = calling({
      okx: { settings: two, answer: okx({ 'BTC-USDT': 'live' }) },
    });
    expect(await rollCall.first()).toEqual([
      'venues.okx.symbols[1]: expected a symbol that okx lists, got "ABC/USDT"',
    ]);
    expect(lines[0]).toMatch(/^\[NG\] preflight: okx\.ticker\.preflight unlisted does not list ABC\/USDT/);
    expect(rollCall.venues().okx?.rest_ok).toBe(false);
    await stop();
  });

  test('that are listed and not traded stop nothing, are told, and looked at each 10 minutes', async () => {
    const { rollCall, answers, calls, lines, facts, pass, stop } = calling({
      okx: { settings: two, answer: okx({ 'BTC-USDT': 'live', 'ABC-USDT': 'suspend' }) },
    });
    expect(await rollCall.first()).toEqual([]);
    const idle = 'ABC/USDT is listed, not trading now';
    expect(lines).toEqual([`${OK_LINE} (${idle})`]);
    expect(rollCall.venues().okx).toMatchObject({ rest_ok: true, not_trading: ['ABC/USDT'] });
    expect(rollCall.failures().size).toBe(0);
    await pass(600_000);
    await pass(600_000);
    expect(lines).toHaveLength(1);
    answers.okx = okx({ 'BTC-USDT': 'live', 'ABC-USDT': 'live' });
    await pass(600_000);
    expect(lines.slice(1)).toEqual([OK_LINE]);
    expect(rollCall.venues().okx?.not_trading).toEqual([]);
    expect(facts).toEqual([
      { type: 'preflight', scope: 'okx', code: 'not_trading', message: idle },
      { type: 'preflight', scope: 'okx', code: 'trading', message: 'all symbols are trading again' },
    ]);
    const rounds = () => calls.filter(({ method }) => method === 'publicGetPublicInstruments');
    const count = rounds().length;
    expect(
      new Set(
        rounds()
          .slice(2)
          .map(({ priority }) => priority),
      ),
    ).toEqual(new Set(['backfill']));
    await pass(600_000);
    expect(rounds()).toHaveLength(count);
    await stop();
  });
});

describe('the budget', () => {
  const rest = { transport: 'rest', rest: { interval_sec: 0.5 } };

  test('that polling is above is told beside the OK, and noted', async () => {
    const { rollCall, lines, facts, stop } = calling({
      okx: {
        settings: { ...BTC, feeds: { ticker: rest, orderbook: rest, trades: rest } },
        answer: okx({ 'BTC-USDT': 'live' }),
      },
    });
    expect(await rollCall.first()).toEqual([]);
    const text = 'polling asks for 360 calls/min of 270: intervals will be stretched to about 0.7 s';
    expect(lines).toEqual([`${OK_LINE} (${text})`]);
    expect(facts).toEqual([{ type: 'preflight', scope: 'okx', code: 'over_budget', message: text }]);
    expect(rollCall.failures().size).toBe(0);
    await stop();
  });

  test('that a call can never fit in fails the venue, not the start', async () => {
    const { rollCall, lines, stop } = calling({
      okx: {
        settings: { ...BTC, rate: { weights: { publicGetMarketBooks: 37 } } },
        answer: okx({ 'BTC-USDT': 'live' }),
      },
    });
    expect(await rollCall.first()).toEqual([]);
    expect(lines[0]).toMatch(
      /^\[NG\] preflight: okx\.ticker\.preflight refused publicGetMarketBooks: a weight of 37 is above the 36 that window books holds$/,
    );
    expect(rollCall.venues().okx?.rest_ok).toBe(false);
    await stop();
  });
});
