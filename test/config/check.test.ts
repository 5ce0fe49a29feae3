import { describe, expect, test } from 'vitest';
import { checkSettings } from '../../config/check.ts';
import { FAKE_VENUES } from './fake-venues.ts';

/** The texts of all problems; empty for settings without any. */
function problems(text: string): readonly string[] {
  const checked = checkSettings(text, 's.yaml', FAKE_VENUES);
  return checked.ok ? [] : checked.error.map((problem) => problem.text);
}

const GROUP = 'a mapping ({} for the defaults)';

describe('values', () => {
  test.each([
    ['runtime: { mode: LOUD }', 's.yaml:1:18 runtime.mode: expected PROD, DEBUG or DIAG, got "LOUD"'],
    ['paths:\n  data: ""', 's.yaml:2:9 paths.data: expected a folder, got ""'],
    ['writer:\n  flush_ms: 0.5', 's.yaml:2:13 writer.flush_ms: expected an integer from 1 to 10000, got 0.5'],
    [
      'writer:\n  queue_mb: 1e9',
      's.yaml:2:13 writer.queue_mb: expected an integer from 1 to 4096, got 1000000000',
    ],
    [
      'writer: { fsync_ms: .nan }',
      's.yaml:1:21 writer.fsync_ms: expected an integer from 10 to 60000, got NaN',
    ],
    [
      'venues: { wide: { enabled: "yes" } }',
      's.yaml:1:28 venues.wide.enabled: expected true or false, got "yes"',
    ],
    [
      'venues: { wide: { rate: { share: 0.95 } } }',
      's.yaml:1:34 venues.wide.rate.share: expected a number above 0 and at most 0.9, got 0.95',
    ],
    [
      'venues: { wide: { rate: { share: 0 } } }',
      's.yaml:1:34 venues.wide.rate.share: expected a number above 0 and at most 0.9, got 0',
    ],
    [
      'venues:\n  wide:\n    feeds:\n      orderbook: { depth: 5001 }',
      's.yaml:4:27 venues.wide.feeds.orderbook.depth: expected an integer from 1 to 5000, got 5001',
    ],
    [
      'venues: { wide: { feeds: { trades: { stream: raw } } } }',
      's.yaml:1:46 venues.wide.feeds.trades.stream: expected trade or aggTrade, got "raw"',
    ],
    [
      'venues: { wide: { feeds: { ticker: { transport: udp } } } }',
      's.yaml:1:49 venues.wide.feeds.ticker.transport: expected ws or rest, got "udp"',
    ],
    [
      'venues: { wide: { feeds: { ticker: { rest: { interval_sec: 0 } } } } }',
      's.yaml:1:60 venues.wide.feeds.ticker.rest.interval_sec: expected a number from 0.1 to 3600, got 0',
    ],
    [
      'venues: { wide: { feeds: { trades: { fallback: { after_sec: 0.5 } } } } }',
      's.yaml:1:61 venues.wide.feeds.trades.fallback.after_sec: expected a number from 1 to 3600, got 0.5',
    ],
    ['venues:\n  wide:\nwriter: {}', `s.yaml:2:8 venues.wide: expected ${GROUP}, got nothing`],
    ['[1]', `s.yaml:1:1: expected ${GROUP}, got [1]`],
    ['# nothing but a comment', `s.yaml:1:1: expected ${GROUP}, got nothing`],
    ['', `s.yaml:1:1: expected ${GROUP}, got nothing`],
  ])('%j', (text, expected) => expect(problems(text)).toEqual([expected]));

  test.each([
    ['venues: { wide: { endpoints: { rest: "https://me:hunter2@x.test/?token=hunter2" } } }', 40],
    ['venues: { wide: { endpoints: { ws: x.test/hunter2 } } }', 14],
    ['venues: { wide: { endpoints: https://x.test/hunter2 } }', 22],
    ['health: { webhook: hooks.test/services/hunter2 }', 27],
    ['health: { webhook: "https:/hooks.test/hunter2" }', 25],
    ['health: hooks.test/hunter2', 18],
  ])('%s: what may hold a secret is not repeated, however it was mistyped', (text, length) => {
    const [only, ...more] = problems(text);
    expect(more).toEqual([]);
    expect(only).toContain(`got a text of ${length} characters (not shown)`);
    expect(only).not.toContain('hunter2');
  });

  test('of other kinds neither', () => {
    expect(problems('health: { webhook: [hunter2] }')[0]).toMatch(/, got a value of another kind$/);
    expect(problems('venues: { wide: { endpoints: { ws: null } } }')[0]).toMatch(/, got nothing$/);
  });
});

describe('symbols', () => {
  const symbols = (venue: string, list: string) =>
    problems(`venues:\n  ${venue}:\n    symbols: ${list}`).map((text) => text.replace(/^s\.yaml:\d+:/, ''));
  const WIDE = 'a symbol of wide as BTC/USDT (spot) or BTC/USDT:USDT (linear perpetual)';

  test.each([
    ['wide', '[BTC/USDT, btcusdt]', `25 venues.wide.symbols[1]: expected ${WIDE}, got "btcusdt"`],
    ['wide', '[BTC/USD:BTC]', `15 venues.wide.symbols[0]: expected ${WIDE}, got "BTC/USD:BTC"`],
    ['wide', '[7]', `15 venues.wide.symbols[0]: expected ${WIDE}, got 7`],
    ['wide', '[A/B, C/D, A/B]', '25 venues.wide.symbols[2]: expected each symbol once, got "A/B"'],
    [
      'wide',
      '[]',
      `14 venues.wide.symbols: expected a list of at least one symbol of wide as ${WIDE.slice(20)}, got []`,
    ],
    [
      'narrow',
      '[ETH/JPY]',
      '15 venues.narrow.symbols[0]: expected a symbol of narrow as BTC/JPY (spot), got "ETH/JPY"',
    ],
  ])('%s %s', (venue, list, expected) => expect(symbols(venue, list)).toEqual([expected]));

  test('perpetuals beside spot are two symbols', () => {
    expect(symbols('wide', '[BTC/USDT, "BTC/USDT:USDT"]')).toEqual([]);
  });
});

describe('unknown keys', () => {
  test('point at the key and name the one that was probably meant', () => {
    expect(problems('writer:\n  flush: 5\n  fsync_sm: 7\n')).toEqual([
      's.yaml:2:3 writer.flush: expected flush_ms, fsync_ms, queue_mb or reserve_mb, got the unknown key "flush"',
      's.yaml:3:3 writer.fsync_sm: expected flush_ms, fsync_ms, queue_mb or reserve_mb (did you mean "fsync_ms"?), got the unknown key "fsync_sm"',
    ]);
  });

  test('at every depth', () => {
    const keys = problems(
      'x: 1\nvenues:\n  widee: {}\n  wide: { a: 1, endpoints: { b: 1 }, rate: { c: 1 }, feeds: { d: 1, ticker: { depth: 5 } } }\n  narrow: { feeds: { ticker: {} } }\n__proto__: 1',
    ).map((text) => text.replace(/: expected.*/, ''));
    expect(keys).toEqual([
      's.yaml:1:1 x',
      's.yaml:3:3 venues.widee',
      's.yaml:4:11 venues.wide.a',
      's.yaml:4:30 venues.wide.endpoints.b',
      's.yaml:4:46 venues.wide.rate.c',
      's.yaml:4:63 venues.wide.feeds.d',
      's.yaml:4:79 venues.wide.feeds.ticker.depth',
      's.yaml:5:22 venues.narrow.feeds.ticker',
      's.yaml:6:1 __proto__',
    ]);
  });
});

describe('YAML', () => {
  test('a duplicate key has its path, and the rest is judged as well', () => {
    expect(
      problems('venues:\n  wide:\n    enabled: true\n    enabled: false\nwriter: { queue_mb: no }'),
    ).toEqual([
      's.yaml:4:5 venues.wide.enabled: expected each key once, got it again',
      's.yaml:5:21 writer.queue_mb: expected an integer from 1 to 4096, got "no"',
    ]);
  });

  test.each([
    ['a:\n\t- b', 's.yaml:2:1: expected valid YAML, got an error: Tabs are not allowed as indentation'],
    ['a: "x\n', 's.yaml:2:1: expected valid YAML, got an error: Missing closing "quote'],
    ['a: 1\n---\nb: 2', 's.yaml:2:1: expected valid YAML, got an error: Source contains multiple documents'],
    ['a: !foo 2', 's.yaml:1:4: expected valid YAML, got an error: Unresolved tag: !foo'],
    [
      'a: 1\nb: *c',
      's.yaml:2:4: expected valid YAML, got an error: Unresolved alias (the anchor must be set before the alias): c',
    ],
  ])('%j', (text, expected) => expect(problems(text)).toEqual([expected]));

  test('a value behind an alias is judged, and shown where it was written', () => {
    const text = 'venues:\n  wide: { rate: &r { share: 2 } }\n  narrow: { rate: *r }';
    expect(problems(text).map((each) => each.replace(/: expected.*/, ''))).toEqual([
      's.yaml:2:29 venues.wide.rate.share',
      's.yaml:2:29 venues.narrow.rate.share',
    ]);
  });
});
