/** Governors that are killed at any moment: what the next one knows. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/ports.ts';
import { err, type Failure, failure, ok, type Result } from '../../src/core/result.ts';
import type { RateWindow } from '../../src/core/venue.ts';
import type { GovernorFile } from '../../src/io/governor-file.ts';
import { createGovernor } from '../../src/runtime/governor.ts';
import {
  createGovernorMemory,
  type GovernorMemory,
  openGovernorMemory,
} from '../../src/runtime/governor-memory.ts';
import type { Priority } from '../../src/runtime/protocol.ts';
import { type ManualClock, manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';
import { endNow, limited, STRETCH } from '../support/governor.ts';

const WINDOWS: readonly RateWindow[] = [
  { name: 'weight', limit: 1_000, perMs: 60_000 },
  { name: 'short', limit: 40, perMs: 2_000 },
];

/** A disk that takes its time, and the processes that live on it one after the other. */
function place(clock: ManualClock, writeMs: number) {
  let disk: GovernorFile | null = null;
  let writes = 0;
  let fails = false;
  const errors: Failure[] = [];

  /** A process with clocks of its own: its monotonic one begins with it. */
  const start = (rpm = 60, share = 1, windows = WINDOWS) => {
    let alive = true;
    const birthMs = clock.monoMs();
    const own: Clock = { ...clock, monoMs: () => clock.monoMs() - birthMs };
    const write = (file: GovernorFile): Promise<Result<void>> =>
      new Promise((resolve) => {
        writes += 1;
        if (fails) return resolve(err(failure('ENOSPC', 'no space left')));
        clock.after(writeMs / 2, () => {
          if (alive) disk = JSON.parse(JSON.stringify(file)) as GovernorFile;
        });
        clock.after(writeMs, () => resolve(ok(undefined)));
      });
    const memory = createGovernorMemory({
      clock: own,
      file: disk,
      write,
      onError: (why) => errors.push(why),
    });
    const governor = createGovernor({
      venue: 'test',
      maxInfoRpm: rpm,
      share,
      windows,
      stretch: STRETCH,
      clock: own,
      memory,
    });
    return {
      governor,
      memory,
      birthMs,
      alive: () => alive,
      kill() {
        alive = false;
      },
    };
  };
  return {
    start,
    errors,
    disk: () => disk,
    writes: () => writes,
    breakDown() {
      fails = true;
    },
  };
}

async function flush(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

async function pass(clock: ManualClock, ms: number, stepMs = 20): Promise<void> {
  await flush();
  for (let gone = 0; gone < ms; gone += stepMs) {
    clock.advance(Math.min(stepMs, ms - gone));
    await flush();
  }
}

interface Sent {
  readonly atMs: number;
  readonly window: string;
  readonly weight: number;
}

function busiest(sent: readonly Sent[], perMs: number, of: (one: Sent) => number): number {
  return Math.max(
    0,
    ...sent.map(({ atMs }) =>
      sent.reduce((sum, one) => sum + (one.atMs >= atMs && one.atMs <= atMs + perMs ? of(one) : 0), 0),
    ),
  );
}

describe('what was sent before a kill', () => {
  it('counts after it: no minute, no window and no two requests know of the restarts', async () => {
    const life = fc.record({
      livesMs: fc.nat({ max: 9_000 }),
      awayMs: fc.nat({ max: 3_000 }),
      inOrder: fc.boolean(),
      weight: fc.integer({ min: 0, max: 40 }),
      window: fc.constantFrom('weight', 'short'),
      priority: fc.constantFrom<Priority>('resync', 'poll', 'backfill'),
    });
    let lives = 0;
    let requests = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          rpm: fc.integer({ min: 30, max: 600 }),
          share: fc.constantFrom(0.5, 0.9),
          writeMs: fc.nat({ max: 60 }),
        }),
        fc.array(life, { minLength: 2, maxLength: 8 }),
        async ({ rpm, share, writeMs }, plans) => {
          const clock = manualClock();
          const world = place(clock, writeMs);
          const sent: Sent[] = [];
          for (const { livesMs, awayMs, inOrder, weight, window, priority } of plans) {
            const process = world.start(rpm, share);
            const ask = (own: number): void => {
              void process.governor.acquire({ priority, window, weight: own }).then((permit) => {
                if (!permit.ok || !process.alive()) return;
                sent.push({ atMs: process.birthMs + permit.value.atMs, window, weight: own });
                ask(own);
              });
            };
            // Always more demand than there is room for, of light and of heavy calls.
            const most = Math.floor(share * (window === 'short' ? 40 : 1_000));
            for (const own of [1, weight, weight]) ask(Math.min(own, most));
            await pass(clock, livesMs);
            if (inOrder) {
              process.governor.close();
              await pass(clock, 2 * writeMs + 40);
              await process.memory.settled();
            }
            process.kill();
            await pass(clock, awayMs);
            lives += 1;
          }
          requests += sent.length;
          const target = rpm * share;
          expect(busiest(sent, 60_000, () => 1)).toBeLessThanOrEqual(Math.max(1, target));
          for (const { name, limit, perMs } of WINDOWS) {
            const inWindow = sent.filter((one) => one.window === name);
            expect(busiest(inWindow, perMs, (one) => one.weight)).toBeLessThanOrEqual(share * limit);
          }
          sent.slice(1).forEach((one, i) => {
            expect(one.atMs - (sent[i]?.atMs ?? 0)).toBeGreaterThanOrEqual(60_000 / target - 1e-6);
          });
        },
      ),
      { numRuns: 150 },
    );
    // It was no silence that kept the limits.
    expect(requests).toBeGreaterThan(5 * lives);
  }, 60_000);

  it('costs little: the next process goes on after one spacing, and a quiet one writes nothing', async () => {
    const clock = manualClock();
    const world = place(clock, 10);
    const first = world.start(240, 0.9, [{ name: 'weight', limit: 600, perMs: 5_000 }]);
    const permit = first.governor.acquire({ priority: 'poll', window: 'weight', weight: 1 });
    await pass(clock, 1_000);
    expect((await permit).ok).toBe(true);
    const writes = world.writes();
    await pass(clock, 60_000, 1_000);
    expect(world.writes()).toBe(writes);
    first.kill();

    const from = clock.monoMs();
    const second = world.start(240, 0.9, [{ name: 'weight', limit: 600, perMs: 5_000 }]);
    const next = second.governor.acquire({ priority: 'poll', window: 'weight', weight: 1 });
    await pass(clock, 1_000, 5);
    const given = await next;
    expect(given.ok && given.value.waitedMs).toBeLessThan((60_000 / 216) * 1.001 + 30);
    expect(from).toBeGreaterThan(60_000);
  });

  it('under full demand the pace is kept although every permit is written ahead of', async () => {
    const clock = manualClock();
    const world = place(clock, 50);
    const { governor } = world.start(300, 0.9);
    for (let i = 0; i < 700; i++) void governor.acquire({ priority: 'poll', window: 'weight', weight: 1 });
    await pass(clock, 120_000);
    expect(governor.stats().permits_total).toBeGreaterThan(2 * 270 * 0.99);
    expect(world.writes()).toBeLessThan(90);
  });
});

describe('a ban', () => {
  it('is on disk before anybody goes on, and holds the next process to its end', async () => {
    const clock = manualClock();
    const world = place(clock, 40);
    const first = world.start();
    const ending = limited(60_000, { outcome: 418, ban: true });
    const permit = { window: 'weight', weight: 1, waitedMs: 0, atMs: 0 };
    let wentOn = false;
    void first.governor.ended(permit, ending).then(() => {
      wentOn = true;
      expect(world.disk()?.bans).toEqual([
        {
          venue: 'test',
          until: clock.wallUs() / 1e6 - 0.04 + 60,
          kind: 'ban',
          scope: 'rest',
          reason: 'HTTP 418',
        },
      ]);
    });
    await pass(clock, 39, 1);
    expect(wentOn).toBe(false);
    await pass(clock, 1);
    expect(wentOn).toBe(true);
    first.kill();
    await pass(clock, 10_000, 1_000);

    const second = world.start();
    expect(second.governor.stats()).toMatchObject({ state: 'banned', paused_sec: 49.96 });
    let granted = false;
    void second.governor
      .acquire({ priority: 'resync', window: 'weight', weight: 1 })
      .then(({ ok }) => (granted = ok));
    await pass(clock, 49_959, 100);
    expect(granted).toBe(false);
    await pass(clock, 100);
    expect(granted).toBe(true);
  });

  it('of sessions, a pause, and lowered limits are known again as such', async () => {
    const clock = manualClock();
    const world = place(clock, 0);
    const first = world.start();
    endNow(first.governor, 0, limited(600_000, { outcome: 403, ban: true, scope: 'all' }));
    endNow(first.governor, 0, limited(900_000, { lowered: { factor: 0.5, forMs: 1_200_000 } }));
    await pass(clock, 20);
    first.kill();
    await pass(clock, 80);
    const { governor } = world.start();
    expect(governor.pause('all')).toEqual({ ms: 599_900, ban: true, scope: 'all', reason: 'HTTP 403' });
    expect(governor.pause()).toEqual({ ms: 899_900, ban: false, scope: 'rest', reason: 'HTTP 429' });
    expect(governor.stats()).toMatchObject({ target_rpm: 30, lowered_sec: 1_199.9 });
  });

  it('of a venue that is left out for a while is not forgotten', async () => {
    const clock = manualClock();
    const world = place(clock, 0);
    const first = world.start();
    endNow(first.governor, 0, limited(60_000, { ban: true }));
    await pass(clock, 20);
    first.kill();
    const without = createGovernorMemory({
      clock,
      file: world.disk(),
      write: (file) => Promise.resolve(ok(void expect(file.bans).toMatchObject([{ venue: 'test' }]))),
      onError: () => undefined,
    });
    await without.open('other', () => ({ bans: [], lowered: null, lastUs: null, used: {} })).save();
    expect.assertions(1);
  });
});

it('a disk that takes nothing is told, and stops no request', async () => {
  const clock = manualClock();
  const world = place(clock, 0);
  world.breakDown();
  const { governor } = world.start();
  const permits = [1, 2, 3].map(() => governor.acquire({ priority: 'poll', window: 'weight', weight: 1 }));
  await pass(clock, 3_000);
  expect((await Promise.all(permits)).map(({ ok }) => ok)).toEqual([true, true, true]);
  expect(world.errors.length).toBeGreaterThan(0);
});

describe('the file', () => {
  let folder: string;
  afterEach(() => removeFolder(folder));

  async function open(text: string | null): Promise<{ memory: GovernorMemory; errors: string[] }> {
    folder = await tempFolder();
    mkdirSync(join(folder, 'runtime'));
    if (text !== null) writeFileSync(join(folder, 'runtime/governor.json'), text);
    const errors: string[] = [];
    const onError = (scope: string, { code }: Failure): void => void errors.push(`${scope} ${code}`);
    return { memory: await openGovernorMemory(folder, manualClock(), onError), errors };
  }
  const now = () => ({
    bans: [],
    lowered: null,
    lastUs: 1_795_219_200_000_000,
    used: { weight: [[1_795_219_200_000_000, 5]] as const },
  });

  it('is made at the first save, and need not be there', async () => {
    const { memory, errors } = await open(null);
    const part = memory.open('test', now);
    expect([part.left, errors]).toEqual([null, []]);
    await part.save();
    expect(JSON.parse(readFileSync(join(folder, 'runtime/governor.json'), 'utf8'))).toEqual({
      ts: 1_795_219_200,
      bans: [],
      venues: {
        test: { lowered: null, last: 1_795_219_200, used: { weight: [[1_795_219_200, 5]] }, ahead: {} },
      },
    });
  });

  it.each(['', '{"ts":1', '[]', '{"ts":1,"bans":[{"venue":"x"}],"venues":{}}', 'null'])(
    'that is no such file is told, and ignored: %s',
    async (text) => {
      const { memory, errors } = await open(text);
      expect(errors).toEqual(['runtime/governor.json wrong_shape']);
      expect(memory.open('test', now).left).toBeNull();
    },
  );
});

it('a venue that is left and taken on again goes on where it was, also when nothing could be written', async () => {
  const clock = manualClock();
  const write = async () => err(failure('ENOSPC', 'no space left'));
  const memory = createGovernorMemory({ clock, file: null, write, onError: () => undefined });
  const options = {
    venue: 'test',
    maxInfoRpm: 60,
    share: 1,
    windows: WINDOWS,
    stretch: STRETCH,
    clock,
    memory,
  };
  const first = createGovernor(options);
  const asked = first.acquire({ priority: 'poll', window: 'weight', weight: 700 });
  await memory.settled();
  clock.advance(0);
  expect((await asked).ok).toBe(true);
  endNow(first, clock.monoMs(), limited(60_000, { ban: true }));
  first.close();
  clock.advance(10_000);
  const second = createGovernor(options);
  expect(second.pause()).toMatchObject({ ban: true, ms: 50_000 });
  expect(second.stats().windows.weight?.used).toBe(700);
});
