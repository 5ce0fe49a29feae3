/** The connections of a feed under changes of their plans. */

import { describe, expect, test } from 'vitest';
import { failure, ok } from '../../src/core/result.ts';
import type { SourceHandlers } from '../../src/core/source.ts';
import type { ConnectionPlan } from '../../src/core/venue.ts';
import { createConnections } from '../../src/runtime/connections.ts';
import { venueById } from '../../src/venues/index.ts';
import { manualClock } from '../support/clock.ts';

interface Opened {
  readonly plan: ConnectionPlan;
  readonly handlers: SourceHandlers;
  readonly sent: string[];
  readonly closes: string[];
  readonly atMs: number;
}

const okx = venueById('okx');
const plansOf = (...bases: readonly string[]): readonly ConnectionPlan[] =>
  okx?.dial({
    feed: 'trades',
    instruments: bases.flatMap((base) => okx.locate(`${base}/USDT`) ?? []),
    endpoints: okx.endpoints,
    options: { depth: 200, stream: null },
  }) ?? [];

/** As many symbols as fill one connection. */
const MANY = Array.from({ length: 100 }, (_, at) => `C${at}`);

function bench(plans: readonly ConnectionPlan[]) {
  const clock = manualClock();
  const opened: Opened[] = [];
  const told: string[] = [];
  const needed = new Set<string>();
  const connections = createConnections({
    clock,
    random: () => 1,
    feed: 'trades',
    request: okx?.request ?? (() => ''),
    onBegin: () => undefined,
    pausedMs: 0,
    open(plan, handlers) {
      const made: Opened = { plan, handlers, sent: [], closes: [], atMs: clock.monoMs() };
      opened.push(made);
      return {
        send(text) {
          made.sent.push(text);
          return ok(undefined);
        },
        close: (how) => made.closes.push(how),
      };
    },
    onUp: ({ name }) => told.push(`up ${name}`),
    onFrame: () => undefined,
    onDown: ({ name }, { code }, wasUp, isServed) => told.push(`down ${name} ${code} ${wasUp} ${isServed}`),
    onClosed: ({ name }) => told.push(`closed ${name}`),
    onGone: ({ name }) => told.push(`gone ${name}`),
    isNeeded: (name) => needed.has(name),
    report: (type, { state, connection }) => told.push(`${type} ${state} ${connection}`),
  });
  connections.start(plans);
  const pass = (sec: number): void => {
    for (let s = 0; s < sec; s++) {
      clock.advance(1_000);
      for (const { handlers } of opened) handlers.onSign();
      connections.watch();
    }
  };
  const newest = (name: string): Opened => {
    const found = opened.findLast((one) => one.plan.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  };
  /** Opens it and has all acknowledged. */
  const serve = (name: string): Opened => {
    const one = newest(name);
    one.handlers.onOpen();
    for (const { stream } of one.plan.subscriptions) connections.named(name)?.subscriptions.acked(stream);
    return one;
  };
  return { clock, opened, told, needed, connections, pass, newest, serve };
}

const names = (opened: readonly Opened[]): readonly string[] => opened.map(({ plan }) => plan.name);

describe('new plans', () => {
  test('the same ones: nothing happens', () => {
    const at = bench(plansOf('BTC', 'ETH'));
    at.serve('public');
    at.connections.replan(plansOf('BTC', 'ETH'));
    at.pass(30);
    expect([names(at.opened), at.told]).toEqual([['public'], ['up public']]);
  });

  test('one more symbol changes only the connection that takes it, and beside the old one', () => {
    const at = bench(plansOf(...MANY, 'BTC'));
    at.pass(2);
    at.serve('public');
    const old = at.serve('public-2');
    at.connections.replan(plansOf(...MANY, 'BTC', 'ETH'));
    at.pass(2);
    expect(names(at.opened)).toEqual(['public', 'public-2', 'public-2~2']);
    expect(old.closes).toEqual([]);
    const next = at.serve('public-2~2');
    at.pass(1);
    expect([old.closes, next.plan.instruments.map(({ id }) => id)]).toEqual([
      ['politely'],
      ['BTC-USDT', 'ETH-USDT'],
    ]);
    expect(at.told.slice(2)).toEqual([
      'handover begun public-2~2',
      'up public-2~2',
      'closed public-2',
      'handover done public-2~2',
    ]);
    expect(at.connections.of('ETH/USDT')?.plan.name).toBe('public-2~2');
  });

  test('fewer: the plan that is gone is closed, and new ones are opened, when all the new serve', () => {
    const at = bench(plansOf(...MANY, 'BTC'));
    at.pass(2);
    const first = at.serve('public');
    const second = at.serve('public-2');
    // All move up by one: the last connection has nothing left.
    at.connections.replan(plansOf(...MANY.slice(1), 'BTC'));
    at.pass(20);
    expect([first.closes, second.closes]).toEqual([[], []]);
    at.serve('public~2');
    at.pass(1);
    expect([first.closes, second.closes]).toEqual([['politely'], ['politely']]);
    expect(at.told).toContain('gone public-2');
    expect(at.connections.all()).toHaveLength(1);
    expect(at.connections.of('BTC/USDT')?.plan.name).toBe('public~2');
  });

  test('none of the old is closed while another of the new does not serve yet', () => {
    const at = bench(plansOf(...MANY, 'BTC'));
    at.pass(2);
    const first = at.serve('public');
    at.serve('public-2');
    at.connections.replan(plansOf('NEW', ...MANY, 'BTC'));
    at.pass(2);
    at.serve('public~2');
    at.pass(20);
    expect(first.closes).toEqual([]);
    at.serve('public-2~2');
    at.pass(1);
    expect(first.closes).toEqual(['politely']);
  });

  test('a connection that is down is replaced at once: there is nothing to lose', () => {
    const at = bench(plansOf('BTC'));
    at.connections.replan(plansOf('BTC', 'ETH'));
    at.pass(1);
    expect([names(at.opened), at.opened[0]?.closes]).toEqual([['public', 'public~2'], ['politely']]);
    at.serve('public~2');
    at.pass(1);
    expect(at.connections.all().map((one) => one.isUp())).toEqual([true]);
  });

  test('other plans while the first change is under way: the newest ones count', () => {
    const at = bench(plansOf('BTC'));
    const old = at.serve('public');
    at.connections.replan(plansOf('BTC', 'ETH'));
    at.pass(2);
    at.connections.replan(plansOf('BTC', 'ETH', 'SOL'));
    at.pass(2);
    const [, dropped] = at.opened;
    expect([names(at.opened), dropped?.closes]).toEqual([['public', 'public~2', 'public~2'], ['politely']]);
    at.serve('public~2');
    at.pass(1);
    expect([old.closes, at.connections.of('SOL/USDT')?.isUp()]).toEqual([['politely'], true]);
  });

  test('and back again: the old plan is another change', () => {
    const at = bench(plansOf('BTC'));
    at.serve('public');
    at.connections.replan(plansOf('BTC', 'ETH'));
    at.connections.replan(plansOf('BTC'));
    at.pass(2);
    at.serve('public~2');
    at.pass(1);
    expect(at.connections.of('ETH/USDT')).toBeUndefined();
    expect(at.connections.lines().map(({ plan }) => plan.instruments.length)).toEqual([1]);
  });
});

describe('a pause of the venue', () => {
  test('while a change is under way: the new plan is what is opened after it, and nothing before', () => {
    const at = bench(plansOf('BTC'));
    const old = at.serve('public');
    at.connections.replan(plansOf('BTC', 'ETH'));
    at.pass(2);
    const next = at.newest('public~2');
    at.connections.pause(60_000);
    expect([old.closes, next.closes]).toEqual([['politely'], ['politely']]);
    at.pass(59);
    expect(at.opened).toHaveLength(2);
    at.pass(4);
    expect(at.opened).toHaveLength(3);
    expect(at.opened[2]?.plan.instruments).toHaveLength(2);
  });

  test('new plans during it wait for its end too', () => {
    const at = bench(plansOf('BTC'));
    at.serve('public');
    at.connections.pause(60_000);
    at.connections.replan(plansOf(...MANY, 'BTC'));
    at.pass(59);
    expect(at.opened).toHaveLength(1);
    at.pass(10);
    expect(names(at.opened).slice(1).sort()).toEqual(['public-2', 'public~2']);
  });
});

test('a plan that is wanted again before it was closed goes on, as one', () => {
  const at = bench(plansOf(...MANY, 'BTC'));
  at.pass(2);
  at.serve('public');
  const second = at.serve('public-2');
  at.connections.replan(plansOf(...MANY.slice(1)));
  at.connections.replan(plansOf(...MANY, 'BTC'));
  at.pass(2);
  at.serve('public~2');
  at.pass(2);
  expect([second.closes, names(at.opened).filter((name) => name.startsWith('public-2'))]).toEqual([
    [],
    ['public-2'],
  ]);
  expect(at.connections.all()).toHaveLength(2);
});

test('what is still needed of the old one keeps it for 10 s, and no longer', () => {
  const at = bench(plansOf('BTC'));
  const old = at.serve('public');
  at.needed.add('public');
  at.connections.said('public', 'notice', '64008', '');
  at.pass(1);
  at.serve('public~2');
  at.pass(10);
  expect(old.closes).toEqual([]);
  at.pass(1);
  expect(old.closes).toEqual(['politely']);
});

test('the new one must have its subscriptions acknowledged', () => {
  const at = bench(plansOf('BTC'));
  const old = at.serve('public');
  at.connections.said('public', 'notice', '64008', '');
  at.pass(1);
  at.newest('public~2').handlers.onOpen();
  at.pass(8);
  expect(old.closes).toEqual([]);
  at.connections.named('public~2')?.subscriptions.acked('trades:BTC-USDT');
  at.pass(1);
  expect(old.closes).toEqual(['politely']);
});

test('the old one dies meanwhile: the new one is tried on, and no second one', () => {
  const at = bench(plansOf('BTC'));
  const old = at.serve('public');
  at.connections.said('public', 'notice', '64008', '');
  at.pass(1);
  old.handlers.onClose(failure('ECONNRESET', 'gone'));
  at.pass(60);
  expect(names(at.opened)).toEqual(['public', 'public~2']);
  at.newest('public~2').handlers.onClose(failure('ECONNREFUSED', 'no'));
  at.pass(60);
  expect(names(at.opened)).toEqual(['public', 'public~2', 'public~2']);
  expect(at.told.slice(-2)).toEqual([
    'down public ECONNRESET true false',
    'down public~2 ECONNREFUSED false false',
  ]);
  expect(at.connections.all().map((one) => one.reconnects())).toEqual([1]);
});

test('connections of a feed are opened no faster than the venue lets its address, divided by the feeds', () => {
  const at = bench(plansOf(...Array.from({ length: 500 }, (_, one) => `C${one}`)));
  at.pass(10);
  expect(at.opened.map(({ atMs }) => atMs)).toEqual([0, 1_000, 2_000, 3_000, 4_000]);
});
