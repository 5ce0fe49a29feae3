import { beforeEach, describe, expect, test } from 'vitest';
import { err, failure, ok } from '../../src/core/result.ts';
import { createDiskGuard } from '../../src/runtime/disk-guard.ts';
import { manualClock } from '../support/clock.ts';

/** A reserve of 100 bytes that can be made when 150 are free. */
function setup(isHeld: boolean) {
  const state = { held: isHeld, broken: false };
  const told: string[] = [];
  const clock = manualClock();
  const guard = createDiskGuard({
    clock,
    reserve: {
      prepare: async () => (isHeld ? ok(undefined) : err(failure('ENOSPC', 'no room for the reserve'))),
      async release() {
        if (state.broken) return err(failure('EIO', 'injected'));
        state.held = false;
        return ok(true);
      },
      async restore(freeBytes) {
        if (state.broken) return err(failure('ENOSPC', 'full again'));
        state.held = freeBytes >= 150;
        return ok(state.held);
      },
      held: () => state.held,
    },
    onError: ({ code }) => told.push(code),
    onHold: (holding) => told.push(holding ? 'hold' : 'go on'),
  });
  return { guard, state, told, clock };
}

describe('a full disk', () => {
  let at: ReturnType<typeof setup>;
  beforeEach(() => {
    at = setup(true);
  });

  test('gives up the reserve, holds the rows, and goes on when there is room for another', async () => {
    const { guard, state, told } = at;
    expect(await guard.failed('EIO')).toBe(false);
    expect(guard.mayWrite()).toBe(true);
    const room = guard.failed('ENOSPC');
    expect(guard.mayWrite()).toBe(false);
    expect([await room, await guard.failed('ENOSPC')]).toEqual([true, false]);
    await guard.measured(100);
    expect(state.held).toBe(false);
    expect(guard.mayWrite()).toBe(false);
    await guard.measured(150);
    expect(guard.mayWrite()).toBe(true);
    expect(told).toEqual(['hold', 'go on']);
    await guard.failed('EDQUOT');
    expect(told).toEqual(['hold', 'go on', 'hold']);
  });

  test('a reserve that cannot be given up or made again is told, and rows wait', async () => {
    const { guard, state, told } = at;
    state.broken = true;
    expect(await guard.failed('ENOSPC')).toBe(false);
    await guard.measured(1_000);
    expect(told).toEqual(['hold', 'EIO', 'ENOSPC']);
    expect(guard.mayWrite()).toBe(false);
    state.broken = false;
    await guard.measured(1_000);
    expect(guard.mayWrite()).toBe(true);
  });
});

test('without a reserve nothing is held: each file is tried again', async () => {
  const { guard, told } = setup(false);
  await guard.prepare();
  guard.failed('ENOSPC');
  await guard.measured(1_000);
  expect(guard.mayWrite()).toBe(true);
  expect(told).toEqual(['ENOSPC']);
});

test('a hold that comes again at once lasts longer: a quota is not seen in the free bytes', async () => {
  const { guard, told, clock } = setup(true);
  for (let holds = 0; holds < 2; holds++) {
    await guard.failed('EDQUOT');
    await guard.measured(1_000);
  }
  expect(told).toEqual(['hold', 'go on', 'hold', 'go on']);
  await guard.failed('EDQUOT');
  clock.advance(999);
  await guard.measured(1_000);
  expect(told.at(-1)).toBe('hold');
  clock.advance(1);
  await guard.measured(1_000);
  expect(told.at(-1)).toBe('go on');
  await guard.failed('EDQUOT');
  clock.advance(1_999);
  await guard.measured(1_000);
  expect(told.at(-1)).toBe('hold');
  clock.advance(1);
  await guard.measured(1_000);
  clock.advance(60_000);
  await guard.failed('ENOSPC');
  await guard.measured(1_000);
  expect(told.at(-1)).toBe('go on');
});
