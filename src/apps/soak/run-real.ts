/** A soak on real time from its beginning to its report. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ok, type Result } from '../../core/result.ts';
import { parseJson } from '../../io/json-lines.ts';
import { checkBooks, type EndBook } from './check-books.ts';
import { checkLast } from './check-last.ts';
import { tally } from './check-ledgers.ts';
import { createFindings, type Findings } from './findings.ts';
import { judge } from './judge.ts';
import { type RealOptions, runReal } from './real.ts';
import { reportOf, type SoakReport } from './report.ts';
import { slopeOf } from './slope.ts';
import { SYMBOLS } from './venues.ts';

/** DESIGN 9. */
const RSS_MB = 350;

export interface RealSoakOptions extends Omit<RealOptions, 'progress'> {
  readonly version: string;
  progress(done: number, total: number, what: string): void;
  nowMs(): number;
}

export async function realSoak(options: RealSoakOptions): Promise<Result<SoakReport>> {
  const startedMs = options.nowMs();
  const findings = createFindings();
  const ran = await runReal(
    { ...options, progress: (sec, what) => options.progress(sec, options.totalSec, what) },
    findings,
  );
  if (!ran.ok) return ran;
  const { dataDir, journal, endUs, quietTs, healSec, rss, restarts, requests } = ran.value;
  const judged = await judge({
    ...{ dataDir, journal, endUs, quietTs, healSec, findings, symbols: SYMBOLS },
    progress: () => undefined,
  });
  if (!judged.ok) return judged;
  const kept = Object.keys(SYMBOLS).flatMap((venue) => keptBooks(dataDir, venue, findings));
  const books = await checkBooks(dataDir, kept, { atUs: endUs, healSec }, findings);
  const messages = await checkLast(journal, dataDir, { atUs: endUs, healSec }, findings);
  if (!messages.ok) return messages;
  const most = Math.max(0, ...rss.map(({ mb }) => mb));
  if (most > RSS_MB) findings.add('memory', 'rss', `${most} MB, the bound is ${RSS_MB}`);
  const own = {
    kind: 'real' as const,
    heal_sec: healSec,
    step_ms: null,
    took_sec: Math.round((options.nowMs() - startedMs) / 100) / 10,
    ...judged.value,
    messages: messages.value,
    restarts: tally(restarts.map(({ what, how }) => `${what} ${how}`)),
    books,
    requests,
    memory: {
      of: 'rss' as const,
      samples: rss,
      slope: slopeOf(rss),
      bound: `at most ${RSS_MB} MB${rss.length === 0 ? ', no life was long enough to tell' : `; ${most} MB was the most`}`,
    },
  };
  return ok(reportOf(options, findings, own));
}

const side = z.array(z.tuple([z.string(), z.string()]));
const latest = z.record(
  z.string(),
  z.object({ state: z.string(), bids: side.default([]), asks: side.default([]) }),
);

/** What the collector itself had at its stop, of the books that it called synced. */
function keptBooks(dataDir: string, venue: string, findings: Findings): readonly EndBook[] {
  const file = `latest/book-${venue}.json`;
  const path = join(dataDir, file);
  // Nothing of the venue was ever told.
  if (!existsSync(path)) return [];
  const all = latest.safeParse(parseJson(readFileSync(path, 'utf8')));
  if (!all.success) {
    findings.add('books', venue, `${file} is not what it should be: ${all.error.issues[0]?.message}`);
    return [];
  }
  return Object.entries(all.data).flatMap(([symbol, { state, bids, asks }]) =>
    state === 'synced' ? [{ venue, symbol, bids, asks }] : [],
  );
}
