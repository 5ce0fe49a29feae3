import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { keepHeapSmall, ownHeap } from '../../src/runtime/heap.ts';
import { manualClock } from '../support/clock.ts';
import { PROJECT } from '../support/place.ts';

const MB = 1_000_000;

test('garbage is collected when there is enough of it, by what was kept the last time', () => {
  const clock = manualClock();
  let [live, garbage, collections] = [10 * MB, 2 * MB, 0];
  const stop = keepHeapSmall(clock, {
    usedBytes: () => live + garbage,
    collect() {
      collections += 1;
      garbage = 0;
    },
  });
  const after = (bytes: number): number => {
    garbage += bytes;
    clock.advance(5_000);
    return collections;
  };
  // What loading left, whatever it is.
  expect(after(0)).toBe(1);
  expect([after(1 * MB), after(0.4 * MB)]).toEqual([1, 1]);
  expect(after(0.2 * MB)).toBe(2);
  // Of a larger one a part, so that it is not collected all the time; a large one is left alone.
  live = 20 * MB;
  expect(after(0)).toBe(3);
  expect([after(2 * MB), after(0.9 * MB), after(0.2 * MB)]).toEqual([3, 3, 4]);
  live = 100 * MB;
  expect(after(50 * MB)).toBe(4);
  live = 10 * MB;
  garbage = 0;
  stop();
  expect(after(500 * MB)).toBe(4);
});

test('the heap of this thread', () => {
  const heap = ownHeap();
  let waste: unknown[] | null = Array.from({ length: 200_000 }, (_, at) => ({ at }));
  const before = heap.usedBytes();
  expect(waste.length).toBe(200_000);
  waste = null;
  heap.collect();
  expect(before - heap.usedBytes()).toBeGreaterThan(4 * MB);
});

/** Flags are of a whole process: what the code does in one of its own, where each collection is one exact step. */
function inProcess(code: string): unknown {
  const modules = `import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';
    import { growLittle, ownHeap } from '${pathToFileURL(join(PROJECT, 'dist/src/runtime/heap.js')).href}';`;
  const args = [
    '--max-semi-space-size=1',
    '--no-incremental-marking',
    '--input-type=module',
    '-e',
    `${modules}\n${code}`,
  ];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

test('what is left is moved together, and the memory given back', () => {
  const [used, taken] = inProcess(`
    const heap = ownHeap();
    const old = () => getHeapSpaceStatistics().find((space) => space.space_name === 'old_space');
    let all = Array.from({ length: 400_000 }, (_, at) => ({ at }));
    const kept = all.filter((_, at) => at % 8 === 0);
    all = null;
    heap.collect();
    const { space_used_size, physical_space_size } = old();
    console.log(JSON.stringify([space_used_size / 1e6, physical_space_size / 1e6, kept.length]));
  `) as number[];
  expect(taken).toBeLessThan((used ?? 0) * 1.25);
});

test('a heap that grows little is collected long before V8 would', () => {
  const peak = (first: string): number =>
    inProcess(`
      ${first}
      const live = Array.from({ length: 300_000 }, (_, at) => ({ at }));
      let [passing, peak] = [[], 0];
      for (let at = 0; at < 200; at++) {
        passing = Array.from({ length: 20_000 }, () => ({ at }));
        peak = Math.max(peak, getHeapStatistics().used_heap_size);
        await new Promise(setImmediate);
      }
      console.log(live.length + passing.length > 0 && peak / 1e6);
    `) as number;
  expect(peak('growLittle(ownHeap());')).toBeLessThan(0.7 * peak(''));
});
