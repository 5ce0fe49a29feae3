/** The wall clock is set back and forth under a running collector. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import type { Run } from '../support/collector.ts';
import { fakeTime, whyNoFakeTime } from '../support/faketime.ts';
import { type Lives, missing, startLives, untilIn } from '../support/lives.ts';
import { factsOf, tornAside } from '../support/recorded.ts';

const HOUR_SEC = 3_600;
const refused = whyNoFakeTime();
const title = refused === null ? 'steps of the clock' : `steps of the clock (skipped: ${refused})`;

describe.skipIf(refused !== null)(title, () => {
  test('of −2 h, then +1 h: rows keep their order, no file is lost, feeds and flags go on', async ({
    onTestFinished,
  }: TestContext) => {
    const root = mkdtempSync(join(tmpdir(), 'tapedeck-clock-'));
    const own = await startLives({ root });
    onTestFinished(async () => {
      await own.close();
      rmSync(root, { recursive: true });
    });
    // Around noon: at midnight files would be closed besides.
    const noonSec = 12 * HOUR_SEC - (Math.round(Date.now() / 1000) % (24 * HOUR_SEC));
    const time = fakeTime(join(root, 'offset'));
    time.step(noonSec);
    const run = own.begin({ env: time.env });
    await untilIn(run, 'every file grows', own.isFlowing);
    own.look();

    for (const offsetSec of [noonSec - 2 * HOUR_SEC, noonSec - HOUR_SEC]) {
      time.step(offsetSec);
      await flowsAt(own, run, offsetSec);
      // Whatever stood in a file still does.
      own.look();
      expect(existsSync(join(own.data, 'runtime/READY'))).toBe(true);
    }
    writeFileSync(join(own.data, 'runtime/STOP'), '');
    expect(await run.exit).toBe(0);
    expect([run.errors, own.status()?.state]).toEqual([[], 'stopped']);
    expect(existsSync(join(own.data, 'runtime/STOPPED'))).toBe(true);
    own.look();

    // A start in the past: what is moved aside is named by the clock, beside what a later time has named.
    own.tear(seededRandom(3));
    const again = own.begin({ env: time.env });
    await untilIn(again, 'every file grows', own.isFlowing);
    time.step(noonSec - 3 * HOUR_SEC);
    const steps = (): readonly number[] =>
      factsOf(own.data).flatMap(({ type, step_sec }) =>
        type === 'clock_step' ? Math.round(Number(step_sec) / 60) : [],
      );
    await untilIn(again, 'the steps are noted', () => steps().length > 2);
    expect(steps()).toEqual([-120, 60, -120]);
    await own.end(again);
    expect([...tornAside(own.data).values()].flat()).toHaveLength(1);
    expect(readdirSync(join(root, 'logs'))).toHaveLength(2);
    expect(missing(await own.held())).toEqual([]);
  }, 90_000);
});

/** Until every worker has news by the stepped clock and is well, and the newest rows carry that time. */
async function flowsAt(own: Lives, run: Run, offsetSec: number): Promise<void> {
  const isNow = (sec: number): boolean => Math.abs(sec - offsetSec - Date.now() / 1000) < 30;
  const before = own.status()?.workers.map((worker) => worker.events_total) ?? [];
  await untilIn(run, `all flows at ${offsetSec} s`, () => {
    const status = own.status();
    return (
      status !== null &&
      isNow(status.ts) &&
      status.workers.every(
        (worker, at) =>
          worker.level === 'OK' && worker.events_total > (before[at] ?? 0) && worker.events_60s > 0,
      )
    );
  });
  for (const file of [
    'latest/trades-okx.csv',
    'latest/ticker-bitflyer.csv',
    'latest/orderbook-binance.csv',
  ]) {
    await untilIn(run, `${file} is of the stepped time`, () => {
      const [, row = ''] = readFileSync(join(own.data, file), 'utf8').split('\n');
      return isNow(Number(row.split(',')[3]) / 1e6);
    });
  }
}
