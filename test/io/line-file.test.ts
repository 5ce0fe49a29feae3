import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FileOps, nodeFileOps } from '../../src/io/file-ops.ts';
import { createLineFile, type LineFile } from '../../src/io/line-file.ts';
import { type ManualClock, manualClock } from '../support/clock.ts';
import { type Budget, opsWith, removeFolder, systemError, tempFolder, withBudget } from '../support/files.ts';

let folder: string;
let path: string;
let clock: ManualClock;
beforeEach(async () => {
  folder = await tempFolder();
  path = join(folder, 'a.log');
  clock = manualClock();
});
afterEach(() => removeFolder(folder));

const read = () => readFile(path, 'utf8');

/** A file whose operations can be waited for. */
function open(base: FileOps = nodeFileOps): {
  readonly file: LineFile;
  idle(): Promise<void>;
  calls: string[];
} {
  let running = 0;
  const calls: string[] = [];
  const wrap =
    <A extends readonly unknown[], T>(name: string, call: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> => {
      calls.push(name);
      running++;
      return call(...args).finally(() => running--);
    };
  const ops: FileOps = {
    ...base,
    open: wrap('open', base.open),
    write: wrap('write', base.write),
    read: wrap('read', base.read),
    size: wrap('size', base.size),
    truncate: wrap('truncate', base.truncate),
    close: wrap('close', base.close),
  };
  const file = createLineFile({
    path,
    clock,
    ops,
    lostLine: (count, why) => `${JSON.stringify({ lost: count, code: why.code })}\n`,
  });
  return {
    file,
    calls,
    async idle() {
      // What follows a call that ended begins the next one within a turn.
      for (let quiet = 0; quiet < 2; quiet = running === 0 ? quiet + 1 : 0)
        await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const line = (n: number, size = 0) => `${JSON.stringify({ n, x: 'x'.repeat(size) })}\n`;

interface Told {
  readonly n?: number;
  readonly lost?: number;
}

function parsed(text: string): { readonly whole: Told[]; readonly broken: string[] } {
  const whole: Told[] = [];
  const broken: string[] = [];
  expect(text === '' || text.endsWith('\n')).toBe(true);
  for (const one of text.split('\n').slice(0, -1)) {
    try {
      whole.push(JSON.parse(one) as Told);
    } catch {
      broken.push(one);
    }
  }
  return { whole, broken };
}

describe('a file of lines', () => {
  test('has every line in order when the disk works, in few writes', async () => {
    const { file, calls } = open();
    for (let n = 0; n < 1_000; n++) file.write(line(n));
    await file.close();
    expect(parsed(await read()).whole.map((one) => one.n)).toEqual([...Array(1_000).keys()]);
    expect(calls.filter((name) => name === 'write').length).toBe(2);
    expect(calls.at(-1)).toBe('close');
    expect(file.errors()).toEqual({ count: 0, last: null });
    expect(clock.pending()).toBe(0);
  });

  test('comes back after a full disk, and tells what is missing', async () => {
    const budget = { left: 50 };
    const { file, idle } = open(withBudget(budget));
    file.write(line(1));
    await idle();
    file.write(line(2, 60));
    await idle();
    file.write(line(3));
    expect(file.errors()).toMatchObject({ count: 2, last: { code: 'ENOSPC' } });
    expect(await read()).toBe(line(1));
    budget.left = 1_000;
    clock.advance(4_999);
    file.write(line(4));
    await idle();
    expect(await read()).toBe(line(1));
    clock.advance(1);
    await idle();
    file.write(line(5));
    await file.close();
    expect(await read()).toBe(`${line(1)}{"lost":3,"code":"ENOSPC"}\n${line(5)}`);
    expect(file.errors().count).toBe(3);
  });

  test('is tried every five seconds while the disk fails, however much is written', async () => {
    const { file, idle, calls } = open(opsWith({ open: () => Promise.reject(systemError('EROFS')) }));
    for (let second = 0; second < 60; second++) {
      for (let n = 0; n < 50; n++) file.write(line(n));
      await idle();
      clock.advance(1_000);
      await idle();
    }
    expect(calls).toEqual(Array(13).fill('open'));
    expect(file.errors()).toMatchObject({ count: 3_000, last: { code: 'EROFS' } });
    await file.close();
    expect(calls.length).toBe(14);
    expect(clock.pending()).toBe(0);
  });

  test('a torn line that cannot be cut is ended: the next is whole', async () => {
    const budget = { left: 10 };
    const ops = { ...withBudget(budget), truncate: () => Promise.reject(systemError('EIO')) };
    const { file, idle } = open(ops);
    file.write(line(1, 50));
    await idle();
    budget.left = 1_000;
    clock.advance(5_000);
    await idle();
    file.write(line(2));
    await file.close();
    expect(await read()).toBe(`${line(1, 50).slice(0, 10)}\n{"lost":1,"code":"ENOSPC"}\n${line(2)}`);
  });

  test('bounds what waits for a disk that hangs, and its close', async () => {
    let release: () => void = () => undefined;
    const hang = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { file, idle, calls } = open(
      opsWith({ write: (...args) => hang.then(() => nodeFileOps.write(...args)) }),
    );
    file.write(line(0));
    for (let n = 1; n <= 100; n++) file.write(line(n, 100_000));
    const { count, last } = file.errors();
    expect(last).toMatchObject({ code: 'dropped' });
    expect(100 - count).toBe(42);
    let closed = false;
    const closing = file.close().then(() => {
      closed = true;
    });
    while (!calls.includes('write')) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    clock.advance(1);
    await closing;
    expect(file.errors().count).toBe(101);
    release();
    await idle();
    expect(file.errors().count).toBe(101);
    // Nothing follows what was under way: it was told as lost.
    expect(await read()).toBe(line(0));
  });

  test('a close while the disk fails tries once more, and counts what waited', async () => {
    const budget = { left: 0 };
    const { file, idle } = open(withBudget(budget));
    file.write(line(1));
    file.write(line(2));
    await idle();
    budget.left = 1_000;
    await file.close();
    expect(await read()).toBe(`${line(2)}{"lost":1,"code":"ENOSPC"}\n`);
    file.write(line(3));
    expect(file.errors()).toMatchObject({ count: 2, last: { code: 'closed' } });

    const broken = open(withBudget({ left: 0 }));
    broken.file.write(line(1));
    broken.file.write(line(2));
    await broken.file.close();
    await broken.file.close();
    expect(broken.file.errors().count).toBe(2);
  });

  test('goes on in the file that was moved away, and makes a missing one after a failure', async () => {
    const budget = { left: 1_000 };
    const { file, idle } = open(withBudget(budget));
    file.write(line(1));
    await idle();
    await rename(path, `${path}.1`);
    file.write(line(2));
    await idle();
    budget.left = 0;
    file.write(line(3));
    await idle();
    budget.left = 1_000;
    clock.advance(5_000);
    await file.close();
    expect(await readFile(`${path}.1`, 'utf8')).toBe(line(1) + line(2));
    expect(await read()).toBe('{"lost":1,"code":"ENOSPC"}\n');
  });

  test('begun by another, torn: the first line is whole', async () => {
    await writeFile(path, 'torn');
    const { file } = open();
    file.write(line(1));
    await file.close();
    expect(await read()).toBe(`torn\n${line(1)}`);
  });
});

type Step =
  | { readonly kind: 'write'; readonly lines: number; readonly size: number; readonly wait: boolean }
  | { readonly kind: 'room'; readonly bytes: number }
  | { readonly kind: 'pass'; readonly ms: number };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    lines: fc.integer({ min: 1, max: 5 }),
    size: fc.nat(80),
    wait: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('room' as const), bytes: fc.nat(300) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(6_000) }),
);

test.each([
  ['', true],
  [' and torn lines cannot be cut', false],
])(
  'wherever the disk fails%s: lines are whole, in order, and those that are missing are told',
  async (_, cuts) => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 25, size: 'max' }), async (steps) => {
        await removeFolder(path);
        const budget: Budget = { left: 200 };
        const ops = withBudget(budget);
        const { file, idle } = open(
          cuts ? ops : { ...ops, truncate: () => Promise.reject(systemError('EIO')) },
        );
        let n = 0;
        for (const step of steps) {
          if (step.kind === 'room') budget.left = step.bytes;
          if (step.kind === 'pass') clock.advance(step.ms);
          if (step.kind === 'write') for (let i = 0; i < step.lines; i++) file.write(line(n++, step.size));
          if (step.kind !== 'write' || step.wait) await idle();
        }
        await idle();
        budget.left = 1_000_000;
        clock.advance(5_000);
        await idle();
        await file.close();
        const { whole, broken } = parsed(n === 0 ? '' : await read());
        const numbers = whole.flatMap((one) => one.n ?? []);
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
        const lost = whole.reduce((sum, one) => sum + (one.lost ?? 0), 0);
        expect(numbers.length + lost).toBe(n);
        expect(file.errors().count).toBe(lost);
        if (cuts) expect(broken).toEqual([]);
      }),
      { numRuns: 150 },
    );
  },
);
