/** A soak on real time: the collector's process and the simulator's, killed and started again, with real sockets. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Environment } from '../../../config/load.ts';
import type { Clock } from '../../core/ports.ts';
import { err, failure, failureOf, ok, type Result } from '../../core/result.ts';
import { seconds } from '../../core/time.ts';
import { servedOf } from '../../sim/place.ts';
import { randomFaults } from '../../sim/random-faults.ts';
import { type Simulator, startSimulator } from '../simulator.ts';
import type { Findings } from './findings.ts';
import type { RequestCounts } from './report.ts';
import { type Restart, restartsOf } from './restarts.ts';
import type { MemorySample } from './slope.ts';
import { SOAKED, SYMBOLS } from './venues.ts';

/** As `npm run collector` starts node (docs/adr/0004). */
export const COLLECTOR_NODE = ['--max-semi-space-size=1', '--v8-pool-size=1', '--no-sparkplug'];
const LOOK_MS = 100;
const SAMPLE_SEC = 5;
/** The market stands still for so long before the end. */
const DRAIN_SEC = 3;
const LONGEST_HEAL_SEC = 900;
const STOP_MS = 20_000;
/** Of its ends, those that it was asked for. */
const ORDERLY = 0.2;
/** What a start takes is given back by then. */
const WARM_SEC = 60;

export interface RealOptions {
  readonly out: string;
  readonly seed: number;
  readonly rate: number;
  readonly faultsPerMinute: number;
  readonly totalSec: number;
  readonly clock: Clock;
  /** The compiled command line. */
  readonly cli: string;
  readonly env: Environment;
  progress(doneSec: number, what: string): void;
}

export interface RealRun {
  readonly dataDir: string;
  readonly journal: string;
  readonly endUs: number;
  readonly quietTs: number;
  readonly healSec: number;
  readonly rss: readonly MemorySample[];
  readonly restarts: readonly Restart[];
  readonly requests: Readonly<Record<string, RequestCounts>>;
}

const status = z.object({ uptime_sec: z.number(), host: z.object({ rss_mb: z.number() }) });
const rates = z.object({
  stats: z.record(z.string(), z.object({ rpm_60s: z.number(), target_rpm: z.number() })),
});

/** Fails where the simulator does not start. What the collector does wrong becomes findings. */
export async function runReal(options: RealOptions, findings: Findings): Promise<Result<RealRun>> {
  const { out, seed, totalSec, clock } = options;
  const journal = join(out, 'journal.jsonl');
  const args = ['--seed', String(seed), '--rate', String(options.rate), '--control', '0'];
  const started = await startSimulator(options.cli, [...args, '--journal', journal, '--journal-market']);
  if (!started.ok) return started;
  const sim = started.value;
  const healSec = Math.min(LONGEST_HEAL_SEC, totalSec / 3);
  const untilSec = totalSec - healSec;
  const faults = randomFaults({
    ...{ seed, mix: 'all', perMinute: options.faultsPerMinute, untilSec },
    served: servedOf({ venues: SOAKED, symbols: {} }),
  });
  const restarts = restartsOf({
    ...{ seed: seed + 1, untilSec, idleSec: Math.min(30, totalSec / 10), leastSec: 8 },
    ...{ feedEverySec: totalSec, collectorEverySec: Math.min(300, Math.max(20, totalSec / 6)) },
  })
    .filter(({ what }) => what === 'collector')
    .map((one): Restart => ({ ...one, how: one.pick < ORDERLY ? 'stopped' : 'killed' }));

  const dataDir = join(out, 'data');
  const begin = beginner(options, sim, dataDir);
  const rss: MemorySample[] = [];
  const requests: Record<string, RequestCounts> = {};
  const startMs = clock.monoMs();
  const passedSec = (): number => (clock.monoMs() - startMs) / 1000;

  const look = (): void => {
    const told = readJson(join(dataDir, 'collector/status.json'), status);
    if (told !== null && told.uptime_sec > WARM_SEC)
      rss.push({ hour: passedSec() / 3_600, mb: told.host.rss_mb });
    for (const [venue, one] of Object.entries(
      readJson(join(dataDir, 'collector/rate_stats.json'), rates)?.stats ?? {},
    ))
      requests[venue] = {
        total: null,
        peak: Math.max(requests[venue]?.peak ?? 0, one.rpm_60s),
        target: Math.max(requests[venue]?.target ?? 0, one.target_rpm),
      };
  };

  let nextFault = faults.next();
  let lookedSec = 0;
  let one = begin();
  /** Waits, lets faults strike, and looks. */
  const passTo = async (sec: number): Promise<void> => {
    while (passedSec() < sec) {
      await sleep(LOOK_MS);
      for (; !nextFault.done && (nextFault.value.afterSec ?? 0) <= passedSec(); nextFault = faults.next()) {
        const { afterSec: _, ...fault } = nextFault.value;
        const posted = await control(sim, 'POST', '/faults', fault);
        if (!posted.ok) findings.add('run', 'simulator', posted.error.message);
      }
      if (passedSec() - lookedSec >= SAMPLE_SEC) {
        lookedSec = passedSec();
        look();
      }
      options.progress(passedSec(), '');
    }
  };

  for (const restart of restarts) {
    await passTo(restart.atSec);
    await one.end(restart.how === 'killed' ? 'SIGKILL' : 'SIGTERM', findings);
    await passTo(restart.atSec + restart.idleSec);
    one = begin();
  }
  await passTo(untilSec);
  await control(sim, 'DELETE', '/faults');
  await passTo(totalSec - DRAIN_SEC);
  await control(sim, 'POST', '/pause');
  const quietTs = seconds(clock.wallUs());
  await passTo(totalSec);
  look();
  await one.end('SIGTERM', findings);
  sim.stop();
  await sim.ended;
  return ok({ dataDir, journal, endUs: clock.wallUs(), quietTs, healSec, rss, restarts, requests });
}

interface Process {
  /** Resolves when it is gone; how it ended otherwise than it had to is a finding. */
  end(signal: 'SIGKILL' | 'SIGTERM', findings: Findings): Promise<void>;
}

/** Starts a collector each time, on the same folder. */
function beginner({ out, cli, env }: RealOptions, { endpoints }: Simulator, dataDir: string): () => Process {
  mkdirSync(out, { recursive: true });
  const settings = join(out, 'settings.yaml');
  const venues = Object.fromEntries(
    Object.entries(SYMBOLS).map(([id, symbols]) => [id, { symbols, endpoints: endpoints[id] ?? {} }]),
  );
  writeFileSync(settings, stringify({ paths: { logs: join(out, 'logs') }, venues }));
  // The simulator is on loopback, where no proxy leads; and folders of the environment are not ours.
  const { HTTPS_PROXY: _, BTC_TS_DATA_DIR: __, BTC_TS_LOGS_DIR: ___, ...rest } = env;
  // As under npm: it ends when its parent does, however that ends.
  const own = { ...rest, npm_lifecycle_event: 'soak' };
  return () => {
    const words = [...COLLECTOR_NODE, cli, 'collector', '--config', settings, '--data', dataDir];
    const child = spawn(process.execPath, words, { env: own, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-1_000);
    });
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    return {
      async end(signal, findings) {
        if (hasEnded(child))
          findings.add('run', 'collector', `ended by itself: ${endText(child)} ${said.trim()}`);
        child.kill(signal);
        const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
        await gone;
        clearTimeout(late);
        const isAsked = signal === 'SIGKILL' ? child.signalCode === 'SIGKILL' : child.exitCode === 0;
        if (!isAsked)
          findings.add('run', 'collector', `${signal}: ended with ${endText(child)} ${said.trim()}`);
      },
    };
  };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;
const endText = ({ exitCode, signalCode }: ChildProcess): string => String(exitCode ?? signalCode);

async function control(sim: Simulator, method: string, path: string, body?: object): Promise<Result<void>> {
  try {
    const answer = await fetch(`${sim.control}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (answer.ok) return ok(undefined);
    return err(failure(String(answer.status), `${method} ${path}: ${await answer.text()}`));
  } catch (thrown) {
    return err(failureOf(thrown));
  }
}

/** Null where there is no such file (yet), or something else. */
function readJson<T>(path: string, schema: z.ZodType<T>): T | null {
  try {
    return schema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data ?? null;
  } catch {
    return null;
  }
}
