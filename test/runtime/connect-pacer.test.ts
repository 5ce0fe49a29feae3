import { expect, test } from 'vitest';
import { createConnectPacer } from '../../src/runtime/connect-pacer.ts';
import { manualClock } from '../support/clock.ts';

test('a third of what the venue allows an address, in any span; the rest wait in order', () => {
  const clock = manualClock();
  const pacer = createConnectPacer(clock);
  const moments: number[] = [];
  for (let at = 0; at < 25; at++)
    pacer.turn({ limit: 30, perMs: 60_000 }, () => moments.push(clock.monoMs()));
  expect(moments).toHaveLength(10);
  clock.advance(59_999);
  expect(moments).toHaveLength(10);
  clock.advance(1);
  expect(moments).toHaveLength(20);
  clock.advance(60_000);
  expect(moments).toHaveLength(25);
  for (const [at, moment] of moments.entries())
    expect(
      moments.filter((one) => one >= moment && one < moment + 60_000).length,
      `${at}`,
    ).toBeLessThanOrEqual(10);
});

test('three a second are one a second for each feed', () => {
  const clock = manualClock();
  const pacer = createConnectPacer(clock);
  const moments: number[] = [];
  for (let at = 0; at < 4; at++) pacer.turn({ limit: 3, perMs: 1_000 }, () => moments.push(clock.monoMs()));
  clock.advance(10_000);
  expect(moments).toEqual([0, 1_000, 2_000, 3_000]);
});

test('no limit is known: at once; what is cancelled is not called', () => {
  const clock = manualClock();
  const pacer = createConnectPacer(clock);
  let calls = 0;
  for (let at = 0; at < 100; at++) pacer.turn(null, () => calls++);
  expect(calls).toBe(100);
  pacer.turn({ limit: 1, perMs: 1_000 }, () => calls++);
  const cancel = pacer.turn({ limit: 1, perMs: 1_000 }, () => calls++);
  cancel();
  clock.advance(10_000);
  expect(calls).toBe(101);
});
