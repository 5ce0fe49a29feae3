/** `kill -9` at random moments, again and again on one data folder: 20 times, or as often as TAPEDECK_KILLS says. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, type TestContext, test } from 'vitest';
import type { Random } from '../../src/core/ports.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Run } from '../support/collector.ts';
import { isStarted, type Lives, missing, startLives, untilIn } from '../support/lives.ts';

/** Books that are joined by REST, and one without numbers; more threads would only start more slowly. */
const symbols = { binance: ['BTC/USDT', 'BTC/USDT:USDT'], bitflyer: ['BTC/JPY'] };
const KILLS = Number(process.env.TAPEDECK_KILLS ?? 20);

/** A moment of the start, of the joining, or (mostly) of the recording. */
async function moment(own: Lives, run: Run, random: Random): Promise<void> {
  const when = random();
  if (when < 0.15) return sleep(50 + random() * 950);
  await untilIn(run, 'it has started', () => isStarted(run));
  if (when > 0.35) await untilIn(run, 'it records', own.hasRows);
  return sleep(random() * 1_200);
}

test(
  `${KILLS} kills: every file whole, every row there once, the next start goes on`,
  async ({ onTestFinished }: TestContext) => {
    const root = mkdtempSync(join(tmpdir(), 'tapedeck-kills-'));
    const own = await startLives({ root, symbols });
    onTestFinished(async () => {
      await own.close();
      rmSync(root, { recursive: true });
    });
    const random = seededRandom(KILLS);
    for (let kill = 0; kill < KILLS; kill++) {
      const run = own.begin();
      await moment(own, run, random);
      await own.kill(run);
      // A kill alone rarely tears a row; a power cut does.
      if (random() < 0.4) own.tear(random);
    }
    await own.end(own.begin());

    const held = await own.held();
    expect(missing(held)).toEqual([]);
    // Most deaths come while rows are written; a slow machine starts so slowly that fewer do.
    const recorded = [...held.values()].map((conns) => conns.filter((conn) => conn.recorded > 0).length);
    expect(recorded.reduce((sum, lives) => sum + lives, 0) / held.size).toBeGreaterThan(1 + KILLS / 8);
    expect(own.torn()).toBeGreaterThan(KILLS / 8);
  },
  60_000 + KILLS * 20_000,
);
