/**
 * The collector: governors, fetcher threads, bus and stages, sinks, status. It is put together here and started;
 * what each part does stands in its own file.
 */

import type { Settings } from '../../config/schema.ts';
import { FEEDS, type Feed } from '../core/event.ts';
import type { Cancel, Clock, Random } from '../core/ports.ts';
import { err, type Failure, failure, ok, type Result } from '../core/result.ts';
import type { Instrument, Venue } from '../core/venue.ts';
import { rawFile } from '../flow/rows.ts';
import type { Kind } from '../io/data-dir.ts';
import { diskFreeBytes } from '../io/disk.ts';
import type { FileReport } from '../io/file-ops.ts';
import { saveInstruments } from '../io/instruments.ts';
import type { Log } from '../io/log.ts';
import { createLedger } from './ledger.ts';
import { keepTrying, type Preflight, preflight } from './preflight.ts';
import type { Fact } from './protocol.ts';
import { openSinks } from './sinks.ts';
import { createStation, fetcherInit, type Station, unlistedText } from './station.ts';
import { startTelemetry, type Telemetry } from './telemetry.ts';
import { startThread, type Thread } from './thread.ts';
import { createWorkerTally, type WorkerTally } from './worker-tally.ts';

export interface AppInput {
  readonly settings: Settings;
  readonly venues: readonly Venue[];
  readonly kind: Kind;
  readonly version: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetcherUrl: URL;
  readonly proxy: string | undefined;
  readonly log: Log;
  /** A line that operators look for. */
  say(line: string): void;
}

export interface App {
  /** Connects to the venues and starts the fetchers. Fails where a venue does not list a symbol of the settings. */
  start(): Promise<Result<void, readonly string[]>>;
  stop(): Promise<Result<void>>;
}

/** Facts that are moments at which data could have been missed. */
const GAPS = new Set(['reconnect', 'resync', 'gap', 'worker_restart']);
const PREFLIGHT_WAIT_MS = 5_000;
const LAST_TICK_US = 3_000_000;

export async function createApp(input: AppInput): Promise<Result<App>> {
  const { settings, clock, random } = input;
  // A line is a line, whatever a venue's answer holds.
  const say = (line: string): void => input.say(line.replace(/\p{Cc}+/gu, ' '));
  const dataDir = settings.paths.data;
  const logger = input.log.logger;
  const isDebug = settings.runtime.mode !== 'PROD';

  const ledger = createLedger(dataDir, clock, (report) => onFile(report));
  const note = (fact: Fact): void => {
    ledger.note(fact);
    logger.info(fact, fact.type);
  };
  const onFile = (report: FileReport): void => {
    logger.warn(report, 'file');
    if (report.type === 'repair') say(`REPAIR: ${report.scope}: ${report.message}`);
    // The ledger's own repair is not noted in itself while it is being written.
    if (!report.scope.endsWith('events.jsonl')) note({ ...report, scope: 'collector', file: report.scope });
  };
  const onError = (scope: string, failure: Failure): void => {
    logger.error({ scope, ...failure }, 'error');
    note({ type: 'error', scope, code: failure.code, message: failure.message });
  };

  const sinks = await openSinks({
    settings,
    clock,
    report: onFile,
    onError,
    onSignals: () => {
      if (isDebug) say('[OK] signal-writer.tick');
    },
    onNewFile: (file, reason) => rotate(file, reason),
  });
  if (!sinks.ok) return sinks;
  say('[OK] contract: SafeWriter');
  const { pipeline, writer, latest, rejects } = sinks.value;
  for (const name of pipeline.subscribers) say(`[OK] subscribed: ${name}`);

  const stations = input.venues.flatMap(
    (venue) => createStation(venue, settings, { clock, proxy: input.proxy, note }) ?? [],
  );
  const workers = stations.flatMap((one) =>
    FEEDS.filter((feed) => one.settings.feeds[feed]?.enabled).map((feed) => ({
      station: one,
      feed,
      tally: createWorkerTally(clock, feed),
    })),
  );
  const threads: { thread: Thread; tally: WorkerTally }[] = [];
  const failing = new Map<string, string>();
  const restOk = new Map<string, boolean | null>(stations.map((one) => [one.venue.id, null]));
  const instruments = new Map<string, Instrument>();
  let quarantined = 0;
  const cancels: Cancel[] = [];
  let saving: Promise<void> = Promise.resolve();

  const telemetry: Telemetry = startTelemetry({
    dataDir,
    clock,
    version: input.version,
    kind: input.kind,
    settings,
    workers: () => threads,
    governors: stations.map((one) => one.governor),
    writer: () => writer.status(),
    failingFiles: () => writer.failing(),
    latest: () => latest.status(),
    stages: () => pipeline.status(),
    ledger: () => ledger.errors(),
    log: () => input.log.errors(),
    rejects: () => rejects.total(),
    quarantined: () => quarantined,
    preflightFailures: () => failing,
    restOk: () => Object.fromEntries([...restOk].map(([id, rest_ok]) => [id, { rest_ok }])),
    diskFree: () => diskFreeBytes(dataDir),
    note,
    say,
    onError,
  });

  /** Said once for each reason, not for each of the endless tries. */
  const failPreflight = (id: string, code: string, message: string): void => {
    const text = `preflight ${code} ${message}`.slice(0, 250);
    restOk.set(id, false);
    if (failing.get(id) === text) return;
    failing.set(id, text);
    const hint = input.kind === 'live' ? ' (tried again for ever; without a network use --sim)' : '';
    say(`[NG] preflight: ${id}.ticker.${text}${hint}`);
    note({ type: 'preflight', scope: id, code, message });
  };

  const onPreflight = (one: Station, result: Result<Preflight>): void => {
    const id = one.venue.id;
    if (!result.ok) return failPreflight(id, result.error.code, result.error.message);
    for (const instrument of result.value.instruments) {
      instruments.set(`${id} ${instrument.id} ${instrument.market}`, instrument);
    }
    // One after the other: each reads the file before it writes it.
    saving = saving.then(async () => {
      const saved = await saveInstruments(dataDir, [...instruments.values()]);
      if (!saved.ok) onError('raw/instruments.json', saved.error);
    });
    const { unlisted } = result.value;
    if (unlisted.length > 0) return failPreflight(id, 'unlisted', `does not list ${unlisted.join(', ')}`);
    failing.delete(id);
    restOk.set(id, true);
    say(`[OK] preflight: ${id}.ticker.preflight`);
  };

  /** Only its fetcher can begin a new file: a book's must begin with a snapshot. */
  const rotate = (file: string, reason: string): void => {
    for (const { thread } of threads) {
      const { venue, feed, instruments } = thread.init;
      const one = instruments.find(({ symbol }) => rawFile(venue, feed, symbol) === file);
      if (one === undefined) continue;
      note({ type: 'rotate', scope: thread.id, symbol: one.symbol, reason });
      thread.rotate(one.symbol);
    }
  };

  const startWorker = (one: Station, feed: Feed, tally: WorkerTally): Thread => {
    const init = fetcherInit(one, feed);
    const scope = `${init.venue}.${feed}`;
    return startThread(init, {
      clock,
      random,
      url: input.fetcherUrl,
      onBatch(batch, done) {
        tally.batch(batch);
        pipeline.ingest(batch, (rows) => {
          tally.written(rows);
          done();
        });
      },
      onBooks: (books) => pipeline.books(init.venue, books),
      onFact(fact) {
        if (fact.type === 'reconnect' || fact.type === 'worker_restart') tally.error();
        if (GAPS.has(fact.type)) tally.gap(fact);
        note(fact);
      },
      onReject(reason, text, localUs) {
        tally.error();
        rejects.add(scope, reason, text, localUs);
        // Counted in the status, with samples on disk: a line each could fill the log.
        logger.debug({ scope, reason }, 'reject');
      },
      onQuarantine(symbol, reason, event) {
        quarantined += 1;
        note({ type: 'quarantine', scope, symbol, reason, event: event.slice(0, 4096) });
      },
      async resume() {
        const resumed = await sinks.value.resume(init.venue, feed, init.instruments);
        if (!resumed.ok) {
          onError(scope, resumed.error);
          return {};
        }
        const { seen, last } = resumed.value;
        if (Object.keys(last).length > 0) note({ type: 'resume', scope, symbols: last });
        return seen;
      },
      ask: (call, priority, signal) => one.rest.ask(call, priority, scope, signal),
    });
  };

  return ok({
    async start() {
      note({ type: 'start', scope: 'collector', kind: input.kind, version: input.version, pid: process.pid });
      telemetry.phase('starting');
      const first = await Promise.all(
        stations.map(async (one) => {
          const round = () =>
            preflight(one.venue, one.located, {
              clock,
              random,
              ask: (call, priority) => one.rest.ask(call, priority, 'preflight'),
            });
          const result = await within(PREFLIGHT_WAIT_MS, round(), clock);
          onPreflight(one, result);
          if (!result.ok)
            cancels.push(keepTrying(round, { clock, random }, (later) => onPreflight(one, later)));
          return { one, result };
        }),
      );
      const unlisted = first.flatMap(({ one, result }) =>
        result.ok ? result.value.unlisted.map((symbol) => unlistedText(one, symbol)) : [],
      );
      if (unlisted.length > 0) return err(unlisted);
      for (const { station: one, feed, tally } of workers) {
        threads.push({ thread: startWorker(one, feed, tally), tally });
      }
      say(
        `[START] collector with ${threads.length} threads: ${threads.map(({ thread }) => thread.id).join(', ')}`,
      );
      cancels.push(clock.every(1_000, () => pipeline.tick(clock.wallUs())));
      telemetry.phase('collecting');
      return ok(undefined);
    },
    async stop() {
      telemetry.phase('stopping');
      for (const cancel of cancels) cancel();
      await Promise.all(threads.map(({ thread }) => thread.stop()));
      // Past the builder's grace: what the last seconds gave is judged too.
      pipeline.tick(clock.wallUs() + LAST_TICK_US);
      const closed = await sinks.value.close();
      for (const one of stations) {
        one.governor.close();
        one.http.close();
      }
      await saving;
      if (!closed.ok) onError('writer', closed.error);
      note({ type: 'stop', scope: 'collector' });
      await telemetry.stop();
      await ledger.settled();
      await input.log.close();
      return closed;
    },
  });
}

/** The result, or a failure when it takes longer. */
function within<T>(ms: number, work: Promise<Result<T>>, clock: Clock): Promise<Result<T>> {
  return new Promise((resolve) => {
    const cancel = clock.after(ms, () =>
      resolve(err(failure('ETIMEDOUT', `no answer within ${ms / 1000} s`))),
    );
    void work.then((result) => {
      cancel();
      resolve(result);
    });
  });
}
