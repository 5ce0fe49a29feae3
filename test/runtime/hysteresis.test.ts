import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createJudge } from '../../src/runtime/hysteresis.ts';
import { type Rule, rank } from '../../src/runtime/level.ts';
import { manualClock } from '../support/clock.ts';

interface Facts {
  readonly warn?: boolean;
  readonly crit?: boolean;
  readonly slow?: boolean;
}

const RULES: readonly Rule<Facts>[] = [
  { id: 'crit', level: 'CRIT', reason: (facts) => (facts.crit ? 'bad' : null) },
  { id: 'warn', level: 'WARN', reason: (facts) => (facts.warn ? 'odd' : null) },
  { id: 'slow', level: 'WARN', afterSec: 5, reason: (facts) => (facts.slow ? 'slow' : null) },
];

function bench() {
  const clock = manualClock();
  const judge = createJudge(clock);
  return {
    clock,
    look(facts: Facts, scope = 'x') {
      const { level, reasons } = judge.judge(scope, RULES, facts);
      return [level, ...reasons];
    },
  };
}

describe('a level', () => {
  test('rises at once, and falls when the better state has held for ten seconds', () => {
    const { clock, look } = bench();
    expect(look({})).toEqual(['OK']);
    expect(look({ crit: true })).toEqual(['CRIT', 'bad']);
    clock.advance(1_000);
    expect(look({ warn: true })).toEqual(['CRIT', 'bad (ended 1 s ago)', 'odd']);
    clock.advance(8_999);
    expect(look({ warn: true })[0]).toBe('CRIT');
    clock.advance(1);
    expect(look({ warn: true })).toEqual(['WARN', 'odd']);
    clock.advance(9_999);
    expect(look({})).toEqual(['WARN', 'odd (ended 10 s ago)']);
    clock.advance(1);
    expect(look({})).toEqual(['OK']);
  });

  test('what comes back meanwhile begins the ten seconds anew', () => {
    const { clock, look } = bench();
    look({ crit: true });
    for (let at = 0; at < 20; at++) {
      clock.advance(5_000);
      expect(look(at % 2 === 0 ? {} : { crit: true })[0]).toBe('CRIT');
    }
  });

  test('a rule with a time of its own counts when it has held for so long without a break', () => {
    const { clock, look } = bench();
    expect(look({ slow: true })).toEqual(['OK']);
    clock.advance(4_999);
    expect(look({ slow: true })).toEqual(['OK']);
    expect(look({})).toEqual(['OK']);
    clock.advance(1);
    expect(look({ slow: true })).toEqual(['OK']);
    clock.advance(5_000);
    expect(look({ slow: true })).toEqual(['WARN', 'slow']);
    // It counts: a break within the ten seconds does not make it wait again.
    clock.advance(1_000);
    look({});
    expect(look({ slow: true })).toEqual(['WARN', 'slow']);
  });

  test('each scope by itself', () => {
    const { look } = bench();
    expect(look({ crit: true }, 'a')[0]).toBe('CRIT');
    expect(look({}, 'b')).toEqual(['OK']);
  });

  test('a clock that is set changes nothing', () => {
    const { clock, look } = bench();
    look({ crit: true });
    clock.stepWall(clock.wallUs() + 7_200_000_000);
    expect(look({})[0]).toBe('CRIT');
  });
});

const steps = fc.array(
  fc.record({
    ms: fc.integer({ min: 1, max: 4_000 }),
    warn: fc.boolean(),
    crit: fc.boolean(),
    slow: fc.boolean(),
  }),
  { maxLength: 200 },
);

/** The levels over a run, each with its moment and what held then. */
function play(list: readonly (Facts & { readonly ms: number })[]) {
  const { clock, look } = bench();
  return list.map((facts) => {
    clock.advance(facts.ms);
    const raw = facts.crit ? 2 : facts.warn ? 1 : 0;
    return { ms: clock.monoMs(), level: rank(look(facts)[0] as 'OK'), raw };
  });
}

describe('whatever happens', () => {
  test('the level is never better than what holds now', () => {
    fc.assert(
      fc.property(steps, (list) => {
        for (const { level, raw } of play(list)) expect(level).toBeGreaterThanOrEqual(raw);
      }),
    );
  });

  test('it is the worst of the last ten seconds where each rule counts at once', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const run = play(list.map((one) => ({ ...one, slow: false })));
        run.forEach(({ ms, level }, at) => {
          const lately = run.slice(0, at + 1).filter((one) => ms - one.ms < 10_000);
          expect(level).toBe(Math.max(...lately.map(({ raw }) => raw)));
        });
      }),
    );
  });

  test('between two falls from one level lie ten seconds at least', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const run = play(list);
        for (const from of [1, 2]) {
          const falls = run.filter(({ level }, at) => level < from && (run[at - 1]?.level ?? 0) >= from);
          falls.slice(1).forEach(({ ms }, at) => {
            expect(ms - (falls[at]?.ms ?? 0)).toBeGreaterThanOrEqual(10_000);
          });
        }
      }),
    );
  });
});

test('a scope that is there no more is forgotten', () => {
  const clock = manualClock();
  const judge = createJudge(clock);
  const rules: readonly Rule<boolean>[] = [{ id: 'x', level: 'WARN', reason: (is) => (is ? 'x' : null) }];
  for (const scope of ['a', 'b']) judge.judge(scope, rules, true);
  judge.keep(new Set(['b']));
  expect(judge.judge('a', rules, false).level).toBe('OK');
  // The other one holds for a while.
  expect(judge.judge('b', rules, false).level).toBe('WARN');
});
