/** What a governor does after a venue's word: pauses, recovery, lowered limits; on a clock that the test moves. */

import { describe, expect, it } from 'vitest';
import { createGovernor } from '../../src/runtime/governor.ts';
import { manualClock } from '../support/clock.ts';
import { ERR, endNow, limited, OK, SILENT, STRETCH } from '../support/governor.ts';

function governed() {
  const clock = manualClock();
  const windows = [{ name: 'w', limit: 1_000, perMs: 60_000 }];
  const governor = createGovernor({
    venue: 'test',
    maxInfoRpm: 60,
    share: 1,
    windows,
    stretch: STRETCH,
    clock,
  });
  const end = (ending: Parameters<typeof endNow>[2]): void => endNow(governor, clock.monoMs(), ending);
  const phase = () => {
    const { throttle, state, stretch } = governor.stats();
    return [throttle, state, stretch];
  };
  return { clock, governor, end, phase };
}

describe('the phases after a limit', () => {
  it('paused, recovering by the decay, free; throttle exactly as long', () => {
    const { clock, governor, end, phase } = governed();
    expect(phase()).toEqual([false, 'free', 1]);
    end(limited(7_000));
    expect(phase()).toEqual([true, 'paused', 2]);
    expect(governor.stretch()).toBe(2);
    clock.advance(6_999);
    expect(governor.stats()).toMatchObject({ state: 'paused', paused_sec: 0.001 });
    clock.advance(1);
    expect(phase()).toEqual([true, 'recovering', 2]);
    for (let n = 1; n <= 6; n++) {
      clock.advance(1_000);
      end(OK);
      expect(governor.stats().stretch).toBeCloseTo(2 * 0.9 ** n);
      expect(governor.stretch()).toBeCloseTo(2 * 0.9 ** n);
      expect(phase().slice(0, 2)).toEqual([true, 'recovering']);
    }
    end(OK);
    expect(phase()).toEqual([false, 'free', 1]);
  });

  it('a ban is told from a pause', () => {
    const { clock, governor, end, phase } = governed();
    end(limited(60_000, { outcome: 418, ban: true }));
    expect(phase()).toEqual([true, 'banned', 2]);
    expect(governor.pause()).toEqual({ ms: 60_000, ban: true, scope: 'rest', reason: 'HTTP 418' });
    // A shorter limit meanwhile changes nothing of it.
    end(limited(1_000));
    clock.advance(59_999);
    expect(governor.pause()).toMatchObject({ ban: true });
    clock.advance(1);
    expect(governor.pause()).toBeNull();
  });

  it('an error that is no limit changes nothing', () => {
    const { end, phase } = governed();
    for (let n = 0; n < 20; n++) end(ERR);
    expect(phase()).toEqual([false, 'free', 1]);
  });

  it('requests that were under way together are one signal, not several', async () => {
    const { clock, governor } = governed();
    const permits = [];
    for (let n = 0; n < 3; n++) {
      const permit = await governor.acquire({ priority: 'poll', window: 'w', weight: 1 });
      if (!permit.ok) throw new Error('no permit');
      permits.push(permit.value);
      clock.advance(1_001);
    }
    for (const permit of permits) void governor.ended(permit, limited(1_000));
    expect(governor.stats().stretch).toBe(2);
    clock.advance(1_000);
    endNow(governor, clock.monoMs(), limited(1_000));
    expect(governor.stats().stretch).toBe(4);
  });
});

describe('a pause for which the venue named no time', () => {
  it('grows while limits follow one another, up to the longest interval; a named one is as named', () => {
    const { clock, governor, end } = governed();
    const pauses: number[] = [];
    for (let n = 0; n < 8; n++) {
      end(limited(2_000, { named: false }));
      const ms = governor.pause()?.ms ?? 0;
      pauses.push(ms);
      clock.advance(ms);
    }
    expect(pauses).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    end(limited(7_000));
    expect(governor.pause()?.ms).toBe(7_000);
    clock.advance(7_000);
    end(limited(300_000, { named: false }));
    expect(governor.pause()?.ms).toBe(300_000);
  });
});

describe('a network that does not answer', () => {
  it('pauses nothing; every fifth failure in a row is a sign to ask less', () => {
    const { governor, end, phase } = governed();
    for (let n = 0; n < 4; n++) end(SILENT);
    expect([...phase(), governor.pause()]).toEqual([false, 'free', 1, null]);
    end(SILENT);
    expect([...phase(), governor.pause()]).toEqual([true, 'recovering', 2, null]);
    for (let n = 0; n < 5; n++) end(SILENT);
    expect(governor.stats().stretch).toBe(4);
    // Any answer ends the row.
    for (let n = 0; n < 4; n++) end(SILENT);
    end(ERR);
    for (let n = 0; n < 4; n++) end(SILENT);
    expect(governor.stats().stretch).toBe(4);
  });
});

describe('limits that the venue lowered', () => {
  it('hold for their time, and are in the statistics', () => {
    const { clock, governor, end } = governed();
    end(limited(1_000, { lowered: { factor: 0.5, forMs: 600_000 } }));
    expect(governor.stats()).toMatchObject({
      target_rpm: 30,
      lowered_sec: 600,
      windows: { w: { used: 0, cap: 500 } },
    });
    clock.advance(600_000);
    expect(governor.stats()).toMatchObject({ target_rpm: 60, lowered_sec: 0 });
  });
});

describe('sessions', () => {
  it('are held as long as the venue wants, whatever else holds its requests longer', () => {
    const { clock, governor, end } = governed();
    end(limited(5_000));
    expect(governor.pause('all')).toBeNull();
    end(limited(600_000, { outcome: 403, ban: true, scope: 'all' }));
    end(limited(900_000));
    clock.advance(599_999);
    expect(governor.pause('all')).toMatchObject({ ms: 1, ban: true, scope: 'all' });
    clock.advance(1);
    expect([governor.pause('all'), governor.pause()?.ms]).toEqual([null, 300_000]);
  });
});
