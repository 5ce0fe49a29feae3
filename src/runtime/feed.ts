/**
 * One fetcher: the connections of one venue's feed, or its polls, through the intake, into batches. Runs in a worker
 * thread.
 */

import type { ConnectionPlan, Venue } from '../core/venue.ts';
import { createAllowance } from './allowance.ts';
import { type Batcher, createBatcher } from './batcher.ts';
import { createDeafness } from './deafness.ts';
import { createFallback } from './fallback.ts';
import { createFeedConnections } from './feed-connections.ts';
import type { FeedPort, FeedRun } from './feed-port.ts';
import { feedStatus } from './feed-status.ts';
import { createHoles } from './holes.ts';
import { createInstrumentSet } from './instrument-set.ts';
import { createIntake } from './intake.ts';
import { createKeptBooks } from './kept-books.ts';
import { createOutflow } from './outflow.ts';
import { createPoller } from './poller.ts';
import type { Fact, FeedStatus, FetcherInit } from './protocol.ts';
import { createSnapshots } from './snapshots.ts';
import { changeSymbols, takeUp } from './symbol-change.ts';

/** Samples of refused frames, and facts of what the venue said, that are sent between two ticks. */
const SAMPLES_A_TICK = 20;
/** Facts that frames of the venue's own making bring about, as many as it sends. */
const SAID_BY_VENUE: ReadonlySet<string> = new Set(['refused', 'notice']);

export function startFeed(venue: Venue, init: FetcherInit, port: FeedPort): FeedRun {
  const { clock, capture } = port;
  const scope = `${venue.id}.${init.feed}`;
  const instruments = createInstrumentSet(init.instruments);
  const polling = { ...init.poll };
  const keptBooks = createKeptBooks();
  const samples = createAllowance(SAMPLES_A_TICK);
  const said = createAllowance(SAMPLES_A_TICK);
  let lastError: string | null = null;
  let stopped = false;

  const report = (type: string, more: Omit<Fact, 'type' | 'scope'> = {}): void => {
    // Each fact is a line that is fsynced, and one of the log.
    if (SAID_BY_VENUE.has(type) && !said.take()) return;
    port.post({ type: 'fact', fact: { type, scope, ...more } });
  };

  const batcher: Batcher = createBatcher({
    venue: venue.id,
    feed: init.feed,
    clock,
    delayMs: init.tuning.batchDelayMs,
    maxEvents: init.tuning.batchEvents,
    maxBytes: init.tuning.batchBytes,
    queueBytes: init.tuning.queueBytes,
    send: (batch) => port.post({ type: 'batch', batch, sentUs: clock.wallUs() }),
  });

  const outflow = createOutflow({
    batcher,
    capture,
    taken: (event) => holes.row(event),
    onOverflow: (symbol) => holes.lost(symbol, 'overflow', 'the queue is full: the disk does not keep up'),
    quarantine(event, reason) {
      holes.lost(event.symbol, 'sequence', `no row can be made of it: ${reason}`);
      port.post({ type: 'quarantine', symbol: event.symbol, reason, event: JSON.stringify(event) });
    },
    onBroken: (symbol, reason) => resyncSoon(symbol, reason),
  });

  const intake = createIntake(venue, new Set([init.feed]), init.options, {
    symbolOf: (id, market) => instruments.byId(id, market)?.symbol,
    isGone: instruments.isGone,
    emit(event, top, place) {
      if (event.type === 'book') keptBooks.changed(event.symbol);
      return outflow.add(event, top, place);
    },
    unjoined: (symbol, before, behind) => holes.unjoined(symbol, before, behind),
    needSnapshot: (symbol, reason) => needSnapshot(symbol, reason),
    lost(symbol, reason) {
      snapshots.forget(symbol);
      holes.lostBook(symbol, reason);
      // `latest/` must not go on calling it synced.
      keptBooks.changed(symbol);
      report('resync', { symbol, reason });
    },
    drift: (verdict) => {
      holes.compared(verdict);
      if (verdict.differing > 0) report('drift', { ...verdict });
    },
    reject(reason, text, localUs, connection) {
      const plan = connections.named(connection)?.plan;
      if (plan !== undefined) holes.doubt(plan);
      // All are counted; a flood of them must not become a flood of messages.
      if (samples.take()) port.post({ type: 'reject', reason, text: text.slice(0, 4096), localUs });
    },
    said(connection, what, text, name) {
      if (what === 'refused') lastError = `refused: ${text}`;
      if (connections.said(connection, what, text, name)) return;
      report(what, { connection, text: text.slice(0, 200) });
    },
    heard: (connection, stream) => connections.named(connection)?.subscriptions.heard(stream),
  });

  /** Not at once: its rows are being made. */
  const resyncSoon = (symbol: string, reason: string): void => {
    clock.after(0, () => {
      if (!stopped) resync(symbol, reason);
    });
  };

  const resync = (symbol: string, reason: string): void => {
    capture?.note('resync', { symbol, reason });
    intake.resync(symbol, reason);
  };

  const needSnapshot = (symbol: string, reason: string): void => {
    // A full queue would only lose it: the watch below asks when there is room.
    if (!outflow.losing().has(symbol)) askSnapshot(symbol, reason);
  };

  const askSnapshot = (symbol: string, reason: string): void => {
    const located = instruments.bySymbol(symbol);
    if (located !== undefined) snapshots.ask(located, reason);
  };

  const snapshots = createSnapshots(venue, {
    clock,
    options: init.options,
    lineOf: (symbol) => connections.of(symbol),
    activity: (symbol) => intake.books().get(symbol)?.received() ?? 0,
    isSynced: (symbol) => intake.books().get(symbol)?.state() === 'synced',
    ask: port.ask,
    answered({ url, text, localUs }) {
      outflow.begin();
      capture?.http('rest', url, text, localUs);
    },
    arrived(snapshot) {
      if (instruments.bySymbol(snapshot.symbol) !== undefined) intake.snapshot(snapshot);
    },
    failed(symbol, code, message) {
      lastError = `snapshot of ${symbol}: ${code} ${message}`;
      report('snapshot_failed', { symbol, code, message });
    },
    report,
  });

  const poller = createPoller(venue, init.feed, {
    clock,
    random: port.random,
    options: init.options,
    poll: polling,
    stretch: port.stretch,
    ask: port.ask,
    answered(located, { url, text, localUs }) {
      outflow.begin();
      capture?.http('poll', url, text, localUs);
      const read = intake.polled(init.feed, located, text, localUs);
      if (read.ok) holes.quiet(located.symbol);
      return read;
    },
    failed(symbol, code, message) {
      lastError = `poll of ${symbol}: ${code} ${message}`;
      holes.lost(symbol, 'disconnect', `poll: ${code} ${message}`);
      report('poll_failed', { symbol, code, message });
    },
    ended: intake.pollsEnded,
  });

  const fallback = createFallback(init.fallback, {
    clock,
    changed(plan, on, reason) {
      report('fallback', { on, connection: plan.name, symbols: plan.instruments.length, reason });
      if (on) return poller.start(plan.instruments);
      for (const { symbol } of plan.instruments) if (!fallback.covers(symbol)) poller.end(symbol);
    },
  });

  const holes = createHoles(venue, init, {
    clock,
    random: port.random,
    ask: port.ask,
    locate: instruments.bySymbol,
    isPolled: (symbol) => intake.books().get(symbol)?.state() === 'polled',
    isLosing: (symbol) => outflow.losing().has(symbol),
    isServed(symbol) {
      const line = connections.of(symbol);
      return (
        line?.isUp() === true && line.subscriptions.isSettled() && !line.subscriptions.errors().has(symbol)
      );
    },
    filled(located, ends, { url, text, localUs }) {
      outflow.begin();
      const ids = ends.before === null ? ends.after : `${ends.after} ${ends.before}`;
      capture?.note('hole', { symbol: located.symbol, ids });
      capture?.http('backfill', url, text, localUs);
      return intake.filled(located, ends, text, localUs);
    },
    changed: (change) => port.post({ type: 'gap', change }),
    report,
  });

  const watch = (): void => {
    snapshots.watch(instruments.bySymbol);
    if (init.feed !== 'orderbook' || batcher.queued() >= init.tuning.batchEvents) return;
    for (const symbol of outflow.losing()) if (!snapshots.isAsked(symbol)) askSnapshot(symbol, 'overflow');
  };

  const connections = createFeedConnections(venue, init, {
    port,
    intake,
    outflow,
    snapshots,
    fallback,
    holes: () => holes,
    report,
    failed(why) {
      lastError = why;
    },
  });
  const deaf = createDeafness(venue, init, {
    ...{ clock, ask: port.ask, locate: instruments.bySymbol, lines: connections.lines },
  });

  const dial = (): readonly ConnectionPlan[] => venue.dial({ ...init, instruments: instruments.all() });

  const parts = { instruments, connections, poller, fallback, intake, batcher, capture, outflow, holes };

  const status = (): FeedStatus => feedStatus({ ...parts, feed: init.feed, untold: said.over(), lastError });

  const sendBooks = (): void => {
    const books = keptBooks.take(intake);
    if (books.length > 0) port.post({ type: 'books', books });
  };

  const tick = (): void => {
    samples.renew();
    said.renew();
    watch();
    connections.watch();
    deaf.watch();
    for (const symbol of poller.late()) holes.lost(symbol, 'stall', 'no answer to its polls');
    sendBooks();
    port.post({ type: 'status', status: status() });
  };

  const stop = async (): Promise<void> => {
    stopped = true;
    capture?.note('stop');
    snapshots.stop();
    deaf.stop();
    poller.stop();
    holes.stop();
    fallback.stop();
    cancel();
    // How it was when it was stopped: that its connections end now says nothing of its health.
    const { state } = status();
    connections.stop();
    batcher.flush();
    sendBooks();
    if (capture !== null) await capture.close();
    port.post({ type: 'status', status: { ...status(), state } });
  };

  capture?.note('start');
  takeUp(init.left, parts);
  // The one switch on transport.
  switch (init.transport) {
    case 'ws':
      connections.start(dial());
      break;
    case 'rest':
      poller.start(init.instruments);
  }
  const cancel = clock.every(init.tuning.statusMs, tick);

  return {
    credit: batcher.credit,
    hold: (on) => capture?.hold(on),
    rotate(symbol) {
      capture?.note('rotate', { symbol });
      intake.rotate(init.feed, symbol);
    },
    pause: connections.pause,
    instruments(next, left) {
      const { added, dropped } = changeSymbols(next, left, { ...parts, keptBooks, snapshots });
      if (dropped.length > 0) port.post({ type: 'dropped', symbols: dropped });
      if (init.transport === 'rest') return poller.start(added);
      connections.replan(dial());
    },
    poll: (options) => void Object.assign(polling, options),
    stop,
  };
}
