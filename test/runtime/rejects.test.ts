import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { err, failure } from '../../src/core/result.ts';
import { replaceFile } from '../../src/io/atomic.ts';
import { createRejects } from '../../src/runtime/rejects.ts';
import { manualClock } from '../support/clock.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
beforeEach(async () => {
  root = await tempFolder();
});
afterEach(() => removeFolder(root));

const read = async (scope: string) =>
  (await readFile(join(root, 'debug/rejects', `${scope}.jsonl`), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { ts: number; reason: string; data: string });

describe('rejects', () => {
  test('the newest twenty of each feed, however many come, written once a second', async () => {
    const clock = manualClock();
    const writes: string[] = [];
    const rejects = createRejects({
      dataDir: root,
      clock,
      replace(path, text) {
        writes.push(path);
        return replaceFile(path, text);
      },
      onError: (message) => expect.fail(message),
    });
    for (let at = 0; at < 5_000; at++)
      rejects.add('okx.trades', 'data: bad', `frame ${at}`, 1_795_219_200_000_000 + at);
    rejects.add('bybit.trades', 'not JSON', 'one\nline', 1_795_219_200_500_000);
    expect(rejects.total()).toBe(5_001);
    expect(writes).toEqual([]);
    clock.advance(1_000);
    // The stop waits for what the timer has begun.
    await rejects.flush();
    expect(writes).toHaveLength(2);

    const kept = await read('okx.trades');
    expect(kept.map((one) => one.data)).toEqual(Array.from({ length: 20 }, (_, at) => `frame ${4_980 + at}`));
    expect(kept.at(-1)).toEqual({ ts: 1_795_219_200.004999, reason: 'data: bad', data: 'frame 4999' });
    expect(await read('bybit.trades')).toEqual([
      { ts: 1_795_219_200.5, reason: 'not JSON', data: 'one\nline' },
    ]);
    clock.advance(60_000);
    expect(writes).toHaveLength(2);
  });

  test('what cannot be written is told', async () => {
    const errors: string[] = [];
    const rejects = createRejects({
      dataDir: root,
      clock: manualClock(),
      replace: async () => err(failure('ENOSPC', 'disk full')),
      onError: (message) => errors.push(message),
    });
    rejects.add('okx.trades', 'bad', '{}', 0);
    await rejects.flush();
    expect(errors).toEqual([`${join(root, 'debug/rejects/okx.trades.jsonl')}: disk full`]);
  });
});
