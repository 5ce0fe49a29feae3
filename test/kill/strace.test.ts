/** Ended at its n-th file call, and calls that fail: through strace's injection. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { until } from '../support/collector.ts';
import { type Lives, missing, startLives, untilIn } from '../support/lives.ts';
import { factsOf } from '../support/recorded.ts';
import { ONE_FILE_THREAD, strace, whyNoStrace } from '../support/strace.ts';

const refused = whyNoStrace();
const title = refused === null ? 'with strace' : `with strace (skipped, strace cannot be used: ${refused})`;

describe.skipIf(refused !== null).concurrent(title, () => {
  const root = mkdtempSync(join(tmpdir(), 'tapedeck-strace-'));
  const all: Lives[] = [];
  afterAll(async () => {
    for (const lives of all) await lives.close();
    rmSync(root, { recursive: true });
  });

  /** strace stops every call of every thread, so there are few. */
  const symbols = { binance: ['BTC/USDT'] };

  /** The first few are of the start: the mark, the lock, the contract, the status; later ones of the recording. */
  const MOMENTS: readonly (readonly [call: string, nths: readonly number[]])[] = [
    ['mkdir', [4]],
    ['pwrite64', [1, 3, 6, 30]],
    ['fsync', [2, 14, 20, 50]],
    ['rename', [1, 3, 6, 11]],
    ['unlink', [2]],
  ];

  test('killed at the n-th mkdir, write, fsync, rename, unlink, and while a torn end is cut', async () => {
    const random = seededRandom(7);
    const lives = await startLives({ root: join(root, 'moments'), symbols });
    all.push(lives);
    const killAt = async (call: string, nth: number): Promise<void> => {
      const wrap = strace({ call, when: String(nth), what: 'signal=KILL' });
      const run = lives.begin({ wrap, env: ONE_FILE_THREAD });
      await until(`it is killed at ${call} ${nth}`, () => run.process.signalCode !== null);
      expect([call, nth, run.process.signalCode, run.errors]).toEqual([call, nth, 'SIGKILL', []]);
      lives.look();
    };
    for (const [call, nths] of MOMENTS) {
      for (const nth of nths) {
        await killAt(call, nth);
        if (random() < 0.3) lives.tear(random);
      }
    }
    for (let file = 0; file < 4; file++) lives.tear(random);
    await killAt('ftruncate', 1);
    await killAt('ftruncate', 2);
    await lives.end(lives.begin());
    expect(missing(await lives.held())).toEqual([]);
    expect(lives.torn()).toBeGreaterThan(3);
  }, 150_000);

  test.each([
    ['fsync', 'EIO', '3..7'],
    // Each of them holds all writing, the third and later ones longer and longer.
    ['pwrite64', 'ENOSPC', '3..5'],
  ])(
    '%s fails with %s for a while: said while it lasts, and every row once in the end',
    async (call, code, when) => {
      const lives = await startLives({ root: join(root, code), symbols, rate: 8 });
      all.push(lives);
      const file = 'raw/trades-binance-BTC-USDT.csv';
      const injected = { call, when, what: `error=${code}`, path: join(lives.data, file) };
      const run = lives.begin({ wrap: strace(injected), env: ONE_FILE_THREAD });
      await untilIn(run, 'the status says so', () => {
        const status = lives.status();
        const isSaid = status?.reasons.some((reason) => reason.includes(file) && reason.includes(code));
        return status?.level === 'CRIT' && isSaid === true;
      });
      await untilIn(run, 'it is over', () => lives.status()?.writer.failing_files === 0);
      await lives.end(run);
      expect(missing(await lives.held())).toEqual([]);
      const facts = factsOf(lives.data).filter((fact) => fact.file === file);
      expect(facts.map(({ type, reason }) => [type, reason])).toEqual([
        ['error', code],
        ['repair', 'recovered'],
      ]);
    },
    60_000,
  );
});
