import { describe, expect, test } from 'vitest';
import { type Failure, failure, ok } from '../../src/core/result.ts';
import type { SourceHandlers } from '../../src/core/source.ts';
import type { ConnectionPlan } from '../../src/core/venue.ts';
import { createConnectPacer } from '../../src/runtime/connect-pacer.ts';
import { type Link, startLink } from '../../src/runtime/link.ts';
import { manualClock } from '../support/clock.ts';

const PLAN: ConnectionPlan = {
  name: 'public',
  url: 'ws://127.0.0.1:1/ws',
  market: null,
  instruments: [],
  hellos: ['one', 'two', 'three'],
  paceMs: 400,
  subscriptions: [],
  lifeMs: null,
  connects: null,
  requests: null,
  ping: { everyMs: 20_000, text: 'ping' },
  idleMs: 30_000,
};

interface Opened {
  readonly atMs: number;
  readonly handlers: SourceHandlers;
  readonly sent: string[];
  readonly closes: string[];
}

/** A link on sources that the test plays; chance is always `chance`. */
function linkOf(plan: Partial<ConnectionPlan> = {}, chance = 1, pausedMs = 0) {
  const clock = manualClock();
  const opened: Opened[] = [];
  const seen: string[] = [];
  const downs: Failure[] = [];
  const wereUp: boolean[] = [];
  const link: Link = startLink({ ...PLAN, ...plan }, clock, () => chance, {
    pacer: createConnectPacer(clock),
    pausedMs,
    open(_, handlers) {
      const made: Opened = { atMs: clock.monoMs(), handlers, sent: [], closes: [] };
      opened.push(made);
      return {
        send(text) {
          made.sent.push(`${text} ${clock.monoMs() - made.atMs}`);
          return ok(undefined);
        },
        close: (how) => made.closes.push(how),
      };
    },
    onUp: () => seen.push('up'),
    onFrame: (text) => seen.push(text),
    onDown(why, wasUp) {
      downs.push(why);
      wereUp.push(wasUp);
    },
  });
  const at = (index: number): Opened => {
    const one = opened[index];
    if (one === undefined) throw new Error(`not opened ${index + 1} times`);
    return one;
  };
  const newest = (): Opened => at(opened.length - 1);
  return { clock, link, opened, wereUp, at, newest, seen, downs };
}

const gone = failure('ECONNRESET', 'read ECONNRESET');

describe('greeting', () => {
  test('says its hellos in order, at least the pace apart, from the moment that it is open', () => {
    const { clock, at, seen, link } = linkOf({ ping: null });
    clock.advance(1_000);
    expect([at(0).sent, link.isUp()]).toEqual([[], false]);
    at(0).handlers.onOpen();
    clock.advance(5_000);
    expect(at(0).sent).toEqual(['one 1000', 'two 1400', 'three 1800']);
    expect([seen, link.isUp(), link.reconnects()]).toEqual([['up'], true, 0]);
  });

  test('what is said meanwhile waits behind them; what is said soon after the last keeps the pace too', () => {
    const { clock, at, link } = linkOf({ ping: null });
    at(0).handlers.onOpen();
    link.say(['four', 'five']);
    clock.advance(1_700);
    link.say(['six']);
    clock.advance(10_000);
    link.say(['seven']);
    expect(at(0).sent).toEqual([
      'one 0',
      'two 400',
      'three 800',
      'four 1200',
      'five 1600',
      'six 2000',
      'seven 11700',
    ]);
  });

  test('a close during the hellos: the rest is not sent, and the next connection hears them all', () => {
    const { clock, at, link } = linkOf();
    at(0).handlers.onOpen();
    clock.advance(500);
    at(0).handlers.onClose(gone);
    link.say(['lost']);
    clock.advance(60_000);
    expect(at(0).sent).toEqual(['one 0', 'two 400']);
    at(1).handlers.onOpen();
    const openedMs = clock.monoMs() - at(1).atMs;
    clock.advance(1_000);
    expect(at(1).sent).toEqual([`one ${openedMs}`, `two ${openedMs + 400}`, `three ${openedMs + 800}`]);
    expect(link.reconnects()).toBe(1);
  });

  test('opened again at once, it keeps the pace of its own hellos, not that of the connection before', () => {
    const { clock, at } = linkOf({ ping: null }, 0);
    at(0).handlers.onOpen();
    clock.advance(100);
    at(0).handlers.onClose(gone);
    clock.advance(50);
    at(1).handlers.onOpen();
    clock.advance(1_000);
    expect(at(1).sent).toEqual(['one 50', 'two 450', 'three 850']);
  });
});

describe('a venue that takes so many requests on a connection', () => {
  test('what is more waits until there is room; a ping is no request', () => {
    const { clock, at, link } = linkOf({ requests: { limit: 4, perMs: 60_000 }, idleMs: 600_000 });
    at(0).handlers.onOpen();
    const leave = ['four', 'five', 'six'].map((text) => link.say([text]));
    expect(leave).toEqual([1_200, 60_000, 60_400]);
    clock.advance(59_900);
    const want = ['one 0', 'two 400', 'three 800', 'four 1200', 'ping 20000', 'ping 40000'];
    expect(at(0).sent).toEqual(want);
    clock.advance(1_000);
    expect(at(0).sent.slice(6)).toEqual(['five 60000', 'ping 60000', 'six 60400']);
    at(0).handlers.onClose(gone);
    clock.advance(30_000);
    const beforeMs = clock.monoMs() - at(1).atMs;
    at(1).handlers.onOpen();
    clock.advance(1_000);
    expect(at(1).sent).toEqual([`one ${beforeMs}`, `two ${beforeMs + 400}`, `three ${beforeMs + 800}`]);
  });
});

describe('two that belong together', () => {
  const requests = { limit: 4, perMs: 60_000 };

  test('leave together: the first waits until there is room for both', () => {
    const { clock, at, link } = linkOf({ requests, ping: null, idleMs: 600_000 });
    at(0).handlers.onOpen();
    expect(link.say(['end', 'begin'])).toBe(60_400);
    expect(link.say(['more'])).toBe(60_800);
    clock.advance(70_000);
    expect(at(0).sent.slice(3)).toEqual(['end 60000', 'begin 60400', 'more 60800']);
  });

  test('that would wait for more than a minute are not sent at all', () => {
    const { clock, at, link } = linkOf({ requests: { limit: 4, perMs: 3_600_000 }, ping: null, idleMs: 1e8 });
    at(0).handlers.onOpen();
    clock.advance(10_000);
    expect(link.say(['end', 'begin'])).toBeNull();
    expect(link.say(['four'])).toBe(0);
    clock.advance(3_535_000);
    expect(link.say(['end', 'begin'])).toBe(55_800);
    clock.advance(100_000);
    expect(at(0).sent.slice(3)).toEqual(['four 10000', 'end 3600400', 'begin 3600800']);
  });
});

describe('life', () => {
  test('pings on time, and only while it is open', () => {
    const { clock, at } = linkOf({ hellos: [] });
    clock.advance(60_000);
    expect(at(0).sent).toEqual([]);
    at(0).handlers.onOpen();
    for (let s = 0; s < 45; s++) {
      clock.advance(1_000);
      at(0).handlers.onSign();
    }
    expect(at(0).sent).toEqual(['ping 80000', 'ping 100000']);
    at(0).handlers.onClose(gone);
    clock.advance(300_000);
    expect(at(0).sent).toHaveLength(2);
  });

  test('silence closes it at once, and is what the close is called', () => {
    const { clock, at, downs } = linkOf();
    at(0).handlers.onOpen();
    at(0).handlers.onFrame('data', 1);
    clock.advance(30_000);
    expect(at(0).closes).toEqual([]);
    clock.advance(1_000);
    expect(at(0).closes).toEqual(['at once']);
    at(0).handlers.onClose(failure('closed', 'closed by us'));
    expect(downs).toMatchObject([{ code: 'silent', message: 'no sign of life for 30 s' }]);
  });

  test.each(['onFrame', 'onSign'] as const)('%s is a sign of life', (sign) => {
    const { clock, at } = linkOf();
    at(0).handlers.onOpen();
    for (let s = 0; s < 20; s++) {
      clock.advance(29_000);
      if (sign === 'onFrame') at(0).handlers.onFrame('data', 1);
      else at(0).handlers.onSign();
    }
    expect(at(0).closes).toEqual([]);
  });

  test('a failure is told as it came', () => {
    const { at, downs } = linkOf();
    at(0).handlers.onClose(gone);
    expect(downs).toEqual([gone]);
  });

  test('the end of an open connection is told apart from a try that failed', () => {
    const { clock, at, wereUp } = linkOf();
    at(0).handlers.onClose(gone);
    clock.advance(30_000);
    at(1).handlers.onOpen();
    at(1).handlers.onClose(gone);
    expect(wereUp).toEqual([false, true]);
  });
});

describe('for ever', () => {
  test('opens again with growing waits, capped, without end', () => {
    const { clock, opened, newest, link } = linkOf();
    const waits: number[] = [];
    for (let times = 0; times < 1_000; times++) {
      const closedMs = clock.monoMs();
      newest().handlers.onClose(gone);
      const before = opened.length;
      clock.advance(30_000);
      expect(opened.length).toBe(before + 1);
      waits.push(newest().atMs - closedMs);
    }
    expect(waits.slice(0, 8)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(new Set(waits.slice(7))).toEqual(new Set([30_000]));
    expect(link.reconnects()).toBe(0);
  });

  test.each([
    [59_000, 4_000],
    [60_000, 500],
  ])('after %d ms of life the next wait is %d ms', (livedMs, waitMs) => {
    const { clock, newest } = linkOf({ idleMs: 600_000 });
    for (let times = 0; times < 3; times++) {
      newest().handlers.onClose(gone);
      clock.advance(30_000);
    }
    newest().handlers.onOpen();
    clock.advance(livedMs);
    const closedMs = clock.monoMs();
    newest().handlers.onClose(gone);
    clock.advance(30_000);
    expect(newest().atMs - closedMs).toBe(waitMs);
  });

  test('time spent waiting to be opened is no good minute', () => {
    const { clock, newest } = linkOf();
    newest().handlers.onClose(gone);
    clock.advance(500);
    clock.advance(120_000);
    const closedMs = clock.monoMs();
    newest().handlers.onClose(gone);
    clock.advance(30_000);
    expect(newest().atMs - closedMs).toBe(1_000);
  });
});

describe('a pause', () => {
  test('closes it politely, and opens it no earlier than the venue wants, nor much later', () => {
    const { clock, link, opened, at, downs, wereUp } = linkOf();
    at(0).handlers.onOpen();
    clock.advance(1_000);
    link.pause(600_000);
    expect(at(0).closes).toEqual(['politely']);
    at(0).handlers.onClose(failure('ws 1000', 'closed'));
    expect([downs.map((why) => why.code), wereUp]).toEqual([['paused'], [true]]);
    clock.advance(600_000);
    expect(opened).toHaveLength(1);
    clock.advance(500);
    expect(opened).toHaveLength(2);
  });

  test('while it waits to open again, or opens: it waits longer; a shorter one changes nothing', () => {
    const { clock, link, opened, at } = linkOf({}, 0);
    at(0).handlers.onClose(gone);
    link.pause(10_000);
    link.pause(5_000);
    clock.advance(9_999);
    expect(opened).toHaveLength(1);
    clock.advance(1);
    expect(opened).toHaveLength(2);
    link.pause(20_000);
    expect(at(1).closes).toEqual(['politely']);
    at(1).handlers.onClose(gone);
    clock.advance(19_999);
    expect(opened).toHaveLength(2);
    clock.advance(1);
    expect(opened).toHaveLength(3);
    // It is over: the next failure is one like any other.
    at(2).handlers.onClose(gone);
    clock.advance(1);
    expect(opened).toHaveLength(4);
  });

  test('before its start holds the first connection too', () => {
    const { clock, opened, downs } = linkOf({}, 0, 30_000);
    clock.advance(29_999);
    expect([opened.length, downs.length]).toEqual([0, 0]);
    clock.advance(1);
    expect(opened).toHaveLength(1);
  });

  test('ends with the stop', () => {
    const { clock, link, opened, at } = linkOf();
    at(0).handlers.onOpen();
    link.pause(1_000);
    link.stop();
    link.pause(1_000);
    at(0).handlers.onClose(gone);
    clock.advance(60_000);
    expect([opened.length, clock.pending()]).toEqual([1, 0]);
  });
});

describe('the stop', () => {
  test('closes politely, and nothing comes after it', () => {
    const { clock, link, opened, at, seen, downs } = linkOf();
    at(0).handlers.onOpen();
    link.stop();
    expect([at(0).closes, link.isUp()]).toEqual([['politely'], false]);
    at(0).handlers.onFrame('late', 1);
    at(0).handlers.onClose(gone);
    link.say(['more']);
    clock.advance(600_000);
    expect([seen, downs, opened.length, at(0).sent]).toEqual([['up'], [], 1, ['one 0']]);
    expect(clock.pending()).toBe(0);
  });

  test('while it waits to open again: it does not', () => {
    const { clock, link, opened, at } = linkOf();
    at(0).handlers.onClose(gone);
    link.stop();
    clock.advance(600_000);
    expect([opened.length, clock.pending()]).toEqual([1, 0]);
  });

  test('while it opens: an open that comes all the same is no connection', () => {
    const { clock, link, at, seen } = linkOf();
    link.stop();
    at(0).handlers.onOpen();
    clock.advance(60_000);
    expect([seen, at(0).sent, at(0).closes, clock.pending()]).toEqual([[], [], ['politely'], 0]);
  });
});
