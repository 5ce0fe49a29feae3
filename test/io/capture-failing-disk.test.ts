import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Capture } from '../../src/core/capture.ts';
import { type FileOps, nodeFileOps } from '../../src/io/file-ops.ts';
import { type CaptureBench, captureBench } from '../support/capture.ts';
import { opsWith, systemError, withBudget } from '../support/files.ts';
import { turn } from '../support/writer.ts';

let bench: CaptureBench;
beforeEach(async () => {
  bench = await captureBench();
});
afterEach(() => bench.remove());

/** Texts that do not shrink much. */
const frame = (at: number) => `${at} ${Math.sin(at)} ${Math.cos(at)}`;
const frames = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => frame(from + at));
const put = (capture: Capture, from: number, to: number) => {
  for (const text of frames(from, to)) bench.recv(capture, text);
};

/** The real disk, of which the files (not the folders) can be told apart by their descriptor. */
function disk(broken: (real: FileOps, isFile: (fd: number) => boolean) => Partial<FileOps>): FileOps {
  const files = new Set<number>();
  const real = opsWith({
    async open(path, flags) {
      const fd = await nodeFileOps.open(path, flags);
      if (flags === 'wx') files.add(fd);
      else files.delete(fd);
      return fd;
    },
  });
  return { ...real, ...broken(real, (fd) => files.has(fd)) };
}

describe('a disk that fails', () => {
  test('full at any byte, then with room again: no line is lost, none is there twice, every part is whole', async () => {
    // What the three members take in all.
    const whole = bench.create();
    for (const at of [0, 5, 10]) {
      put(whole, at, at + 5);
      await bench.flush(() => whole.status().bytes > at * 20);
      while (whole.status().files === 0) await turn();
    }
    await whole.close();
    const size = whole.status().bytes;
    await bench.remove();

    for (let left = 0; left < size; left += 31) {
      bench = await captureBench();
      const budget = { left };
      const capture = bench.create({ ops: withBudget(budget) });
      for (const at of [0, 5, 10]) {
        const { bytes, errors } = capture.status();
        put(capture, at, at + 5);
        await bench.flush(() => capture.status().bytes > bytes || capture.status().errors > errors || at > 5);
      }
      while (capture.status().errors === 0) await turn();
      // Several failures of one kind are one fact.
      expect(bench.facts).toEqual([['error', { code: 'ENOSPC', message: 'capture: ENOSPC: injected' }]]);
      expect(capture.status()).toMatchObject({
        failing: true,
        dropped: 0,
        last_error: 'ENOSPC: ENOSPC: injected',
      });
      budget.left = 1_000_000;
      await bench.flush(() => true);
      put(capture, 15, 20);
      await capture.close();
      expect(capture.status()).toMatchObject({ failing: false, dropped: 0 });
      expect(await bench.played()).toEqual({ texts: frames(0, 20), warnings: [] });
      const parts = await bench.parts();
      expect(Object.keys(parts)).toHaveLength(capture.status().files);
      // A part that came to nothing is not left lying about.
      expect(Object.values(parts).every((members) => members.length > 0 && !members.includes('(torn)'))).toBe(
        true,
      );
      await bench.remove();
    }
    bench = await captureBench();
  });

  test('whose fsync fails: the part is left, what was not safe is written to another, and nothing twice', async () => {
    const state = { failing: false, synced: 0 };
    const ops = disk((real, isFile) => ({
      async sync(fd) {
        if (state.failing && isFile(fd)) throw systemError('EIO');
        await real.sync(fd);
        if (isFile(fd)) state.synced += 1;
      },
    }));
    const capture = bench.create({ ops });
    put(capture, 0, 5);
    await bench.flush(() => state.synced === 1);
    state.failing = true;
    put(capture, 5, 10);
    await bench.flush(() => capture.status().errors > 0);
    state.failing = false;
    put(capture, 10, 15);
    await capture.close();
    expect(capture.status()).toMatchObject({ files: 2, dropped: 0, failing: false, errors: 1 });
    const members = Object.values(await bench.parts()).map((part) => part.join('').match(/"recv"/g)?.length);
    expect(members).toEqual([5, 10]);
    expect(await bench.played()).toEqual({ texts: frames(0, 15), warnings: [] });
  });

  test('that takes nothing back: what stands there half is passed over, what stands there twice is played once', async () => {
    const state = { syncs: false, writes: false, synced: 0 };
    const ops = disk((real, isFile) => ({
      truncate: () => Promise.reject(systemError('EPERM')),
      async sync(fd) {
        if (state.syncs && isFile(fd)) throw systemError('EIO');
        await real.sync(fd);
        if (isFile(fd)) state.synced += 1;
      },
      async write(fd, from, offset, length, position) {
        if (!state.writes) return real.write(fd, from, offset, length, position);
        if (length > 40) return real.write(fd, from, offset, 40, position);
        throw systemError('ENOSPC');
      },
    }));
    const capture = bench.create({ ops, flushBytes: 300 });
    put(capture, 0, 2);
    await bench.flush(() => state.synced === 1);
    put(capture, 2, 5);
    state.syncs = true;
    await bench.flush(() => capture.status().errors >= 2);
    state.syncs = false;
    put(capture, 5, 10);
    await bench.flush(() => !capture.status().failing);
    await bench.flush(() => state.synced === 3);
    // One member that is written and not yet synced, and one that cannot be written.
    const { bytes, errors } = capture.status();
    put(capture, 10, 13);
    while (capture.status().bytes === bytes) await turn();
    state.writes = true;
    put(capture, 13, 16);
    while (capture.status().errors < errors + 2) await turn();
    state.writes = false;
    put(capture, 16, 20);
    await capture.close();
    const parts = Object.values(await bench.parts());
    expect(parts.map((members) => members.includes('(torn)'))).toContain(true);
    const lines = parts
      .flat()
      .join('')
      .match(/"recv"/g)?.length;
    // Three of the first part stand in the second too, three of that in the third, and three in the torn member.
    expect(lines).toBe(20 + 3 + 3 + 3);
    const { texts, warnings } = await bench.played();
    expect(texts).toEqual(frames(0, 20));
    expect(warnings).toEqual([expect.stringContaining('torn at byte')]);
  });

  test('tries again with growing delays up to 5 s', async () => {
    const state = { tries: 0, broken: true };
    const ops = opsWith({
      mkdir(path) {
        if (!state.broken) return nodeFileOps.mkdir(path);
        state.tries += 1;
        return Promise.reject(systemError('EACCES'));
      },
    });
    const capture = bench.create({ ops });
    put(capture, 0, 1);
    const tries: number[] = [];
    for (let second = 0; second < 30; second++) {
      const before = state.tries;
      await bench.flush(() => true);
      for (let turns = 0; turns < 5; turns++) await turn();
      if (state.tries > before) tries.push(second);
    }
    expect(tries).toEqual([0, 1, 3, 7, 12, 17, 22, 27]);
    state.broken = false;
    put(capture, 1, 2);
    await capture.close();
    expect((await bench.played()).texts).toEqual(frames(0, 2));
  });
});

describe('what the disk does not take', () => {
  const BOUND = 20_000;
  const lineOf = (capture: Capture) => bench.recv(capture, 'x'.repeat(1_000));

  test('is bounded; beyond it lines are dropped, counted, told once, and told in the capture itself', async () => {
    const state = { broken: true };
    const ops = opsWith({
      mkdir: (path) => (state.broken ? Promise.reject(systemError('EROFS')) : nodeFileOps.mkdir(path)),
    });
    const capture = bench.create({ ops, waitingBytes: BOUND });
    capture.connect('public', 'wss://a/');
    await bench.flush(() => capture.status().errors > 0);
    for (let at = 0; at < 100; at++) lineOf(capture);
    // Lost among them: the replay learns of it from the next part.
    capture.disconnect('public', 'x');
    const { dropped } = capture.status();
    expect([dropped > 70, dropped < 90]).toEqual([true, true]);
    expect(bench.facts.filter(([type]) => type === 'gap')).toEqual([
      ['gap', { kind: 'capture', reason: 'lines of the capture are lost: EROFS: EROFS: injected' }],
    ]);
    state.broken = false;
    await bench.flush(() => !capture.status().failing);
    bench.recv(capture, 'room again');
    await capture.close();

    expect(capture.status()).toMatchObject({ dropped, failing: false });
    const [first, second] = Object.values(await bench.parts()).map((members) =>
      members
        .join('')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
    );
    // The connect, and 101 lines that came after it.
    expect(first).toHaveLength(1 + 102 - dropped);
    expect(second).toMatchObject([
      { t: 'header', part: 2, line: 102, connections: [] },
      { t: 'note', what: 'dropped', count: dropped },
      { t: 'recv', data: 'room again' },
    ]);
    const { texts, warnings } = await bench.played();
    expect(texts).toHaveLength(102 - dropped);
    expect(warnings).toEqual([expect.stringContaining(`${dropped} lines of its run are missing before it`)]);
  });

  test('a disk that hangs holds up nobody, and has its lines when it goes on', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const ops = opsWith({
      async write(...args) {
        await held;
        return nodeFileOps.write(...args);
      },
    });
    const capture = bench.create({ ops, waitingBytes: BOUND });
    for (let at = 0; at < 50; at++) {
      lineOf(capture);
      bench.clock.advance(1_000);
      await turn();
    }
    const { dropped } = capture.status();
    expect([dropped > 20, dropped < 40, capture.status().failing]).toEqual([true, true, false]);
    expect(bench.facts).toEqual([
      ['gap', { kind: 'capture', reason: 'lines of the capture are lost: the disk does not keep up' }],
    ]);
    release();
    await capture.close();
    expect((await bench.played()).texts).toHaveLength(50 - dropped);
  });

  test('lines are taken again when half of the bound is free, not one by one', async () => {
    const gate = { open: 0, done: 0 };
    const ops = opsWith({
      async write(...args) {
        while (gate.done >= gate.open) await turn();
        gate.done += 1;
        return nodeFileOps.write(...args);
      },
    });
    const capture = bench.create({ ops, waitingBytes: BOUND, flushBytes: 2_000 });
    for (let at = 0; at < 50; at++) lineOf(capture);
    expect(capture.status().dropped).toBeGreaterThan(25);
    // Room for some lines, and less than half.
    gate.open = 2;
    while (gate.done < 2) await turn();
    for (let turns = 0; turns < 20; turns++) await turn();
    const { dropped } = capture.status();
    lineOf(capture);
    expect(capture.status().dropped).toBe(dropped + 1);
    gate.open = Number.POSITIVE_INFINITY;
    await bench.flush(() => gate.done > 8);
    for (let turns = 0; turns < 20; turns++) await turn();
    lineOf(capture);
    await capture.close();
    expect(capture.status().dropped).toBe(dropped + 1);
    const parts = Object.values(await bench.parts());
    expect(
      parts
        .flat()
        .join('')
        .match(/"dropped","count":\d+/g),
    ).toEqual([`"dropped","count":${dropped + 1}`]);
  });

  test('what fails at the stop has one more try', async () => {
    const state = { failures: 1 };
    const ops = disk((real, isFile) => ({
      async sync(fd) {
        if (isFile(fd) && state.failures-- > 0) throw systemError('EIO');
        return real.sync(fd);
      },
    }));
    const capture = bench.create({ ops });
    put(capture, 0, 7);
    await capture.close();
    expect(capture.status()).toMatchObject({ dropped: 0, errors: 1, failing: false, files: 1 });
    expect((await bench.played()).texts).toEqual(frames(0, 7));
  });

  test('what cannot be written at the stop is given up: counted and told, and the stop does not fail', async () => {
    const capture = bench.create({ ops: withBudget({ left: 0 }) });
    put(capture, 0, 7);
    await capture.close();
    expect(capture.status()).toMatchObject({ dropped: 7, files: 0, failing: true });
    expect(bench.facts.at(-1)).toEqual([
      'gap',
      { kind: 'capture', reason: '7 lines given up at the stop: ENOSPC: ENOSPC: injected' },
    ]);
    expect(await bench.parts()).toEqual({});
  });
});
