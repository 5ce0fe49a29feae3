import { expect, test } from 'vitest';
import { createHealthLog, type LevelChange } from '../../src/runtime/health-log.ts';
import type { Fact } from '../../src/runtime/protocol.ts';
import { CLOCK_START_US, manualClock } from '../support/clock.ts';

function bench() {
  const clock = manualClock();
  const facts: Fact[] = [];
  const changes: LevelChange[] = [];
  const log = createHealthLog({
    clock,
    note: (fact) => facts.push(fact),
    onWhole: (change) => changes.push(change),
  });
  return { clock, facts, changes, log };
}

test('each change is told once, with from, to and reason; a first OK is none; only the whole goes to the webhook', () => {
  const { facts, changes, log } = bench();
  const ok = { level: 'OK', reasons: [] } as const;
  expect(
    log.compare([
      { scope: 'okx', ...ok },
      { scope: 'collector', ...ok },
    ]),
  ).toBe(false);
  const bad = { level: 'CRIT', reasons: ['a', 'b'] } as const;
  const scopes = [
    { scope: 'okx.trades', symbol: 'BTC/USDT', ...bad },
    { scope: 'okx.trades', symbol: 'ETH/USDT', ...ok },
    { scope: 'okx.trades', ...bad },
    { scope: 'collector', ...bad },
  ];
  expect(log.compare(scopes)).toBe(true);
  expect(log.compare(scopes)).toBe(false);
  const change = { from: 'OK', to: 'CRIT', reason: 'a; b' };
  expect(facts).toEqual([
    { type: 'health', scope: 'okx.trades', symbol: 'BTC/USDT', ...change },
    { type: 'health', scope: 'okx.trades', ...change },
    { type: 'health', scope: 'collector', ...change },
  ]);
  expect(changes).toEqual([{ ts: CLOCK_START_US / 1e6, scope: 'collector', ...change }]);
  log.compare([{ scope: 'collector', ...ok }]);
  expect(changes.at(-1)).toMatchObject({ from: 'CRIT', to: 'OK', reason: '' });
});

test('since when the whole has its level', () => {
  const { clock, log } = bench();
  const sec = () => (log.sinceUs('OK') - CLOCK_START_US) / 1e6;
  expect(sec()).toBe(0);
  clock.advance(5_000);
  expect(sec()).toBe(0);
  expect(log.sinceUs('WARN')).toBe(CLOCK_START_US + 5_000_000);
  clock.advance(1_000);
  expect(sec()).toBe(6);
});

test('what is not recorded any more is forgotten: should it come back, it begins anew', () => {
  const { facts, log } = bench();
  const bad = { scope: 'okx', level: 'CRIT', reasons: ['a'] } as const;
  const whole = { scope: 'collector', level: 'OK', reasons: [] } as const;
  log.compare([bad, whole]);
  expect(log.compare([whole])).toBe(false);
  expect(log.compare([{ ...bad, level: 'OK' }, whole])).toBe(false);
  log.compare([bad, whole]);
  expect(facts.map(({ from, to }) => [from, to])).toEqual([
    ['OK', 'CRIT'],
    ['OK', 'CRIT'],
  ]);
});
