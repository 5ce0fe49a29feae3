/**
 * One fetcher thread under supervision: started, given credit, heard, restarted with backoff when it throws, exits,
 * falls silent or says what cannot be read. The only file that starts fetchers; `workers/fetcher.ts` is what runs in them.
 *
 * Plain `worker_threads` and not piscina: a fetcher is no task with a result, it lives as long as the program, keeps
 * one thread to itself and speaks all the time. Piscina serves the closed files (compress, verify).
 */

import { setMaxListeners } from 'node:events';
import { Worker } from 'node:worker_threads';
import { backoffMs } from '../core/backoff.ts';
import type { Batch } from '../core/batch.ts';
import type { GapChange } from '../core/gap.ts';
import type { Cancel, Clock, Random } from '../core/ports.ts';
import { err, failureOf, ok, type Result } from '../core/result.ts';
import type { Located, RestCall } from '../core/venue.ts';
import type {
  Fact,
  FeedStatus,
  FetcherInit,
  FromFetcher,
  Left,
  Priority,
  RestText,
  ToFetcher,
} from './protocol.ts';

/** Batches that a fetcher may have under way: enough to keep it sending while the writer writes. */
export const CREDIT = 16;
const BACKOFF = { baseMs: 1_000, capMs: 30_000 };
/** A thread that ran this long was sound: its next death begins the backoff anew. */
const GOOD_MS = 60_000;
/** It reports every second; one that says nothing for this long is stuck. */
const SILENCE_MS = 30_000;
const WATCH_MS = 5_000;
/**
 * A small young generation: a fetcher keeps next to nothing of what it reads, and twelve threads with Node's default
 * take 100 MB more for it, at the same CPU time (measured at 2,000 messages a second).
 */
const MEMORY = { maxYoungGenerationSizeMb: 3 };
/** How long a thread may take to close its connections and send what waits. */
const STOP_MS = 3_000;

export interface ThreadPort {
  readonly clock: Clock;
  readonly random: Random;
  /** `workers/fetcher`, compiled: with the ending of the file that starts it. */
  readonly url: URL;
  /** Give back credit by calling `done` when the batch's rows are in the file. */
  onBatch(batch: Batch, done: () => void, sentUs: number): void;
  onBooks(books: readonly (readonly [symbol: string, json: string])[]): void;
  onFact(fact: Fact): void;
  onGap(change: GapChange): void;
  onReject(reason: string, text: string, localUs: number): void;
  onQuarantine(symbol: string, reason: string, event: string): void;
  /** The last rows of these symbols were received. */
  onDropped?(symbols: readonly string[]): void;
  /** Asked before each start: what the files hold already, and what is missing. Never rejects. */
  resume(instruments: readonly Located[]): Promise<Left>;
  ask(call: RestCall, priority: Priority, signal: AbortSignal): Promise<Result<RestText>>;
  /** Nothing may be written to the disk now: asked at each start. */
  isHeld?(): boolean;
  /** How far its venue's governor has polling stretched; 1 when it has not. */
  stretch(): number;
  /** For how long its venue wants no session of ours, ms: asked at each start. */
  pausedMs?(): number;
}

export type ThreadState = 'starting' | 'running' | 'restarting' | 'stopped';

export interface Thread {
  readonly id: string;
  /** As it is now. */
  readonly init: FetcherInit;
  state(): ThreadState;
  status(): FeedStatus | null;
  restarts(): number;
  lastError(): string | null;
  /** The symbol's next row is to begin a new file. */
  rotate(symbol: string): void;
  /** Nothing may be written to the disk now, or may again. */
  hold(on: boolean): void;
  /** Its venue wants every session closed, and none opened for so long, ms. */
  pause(ms: number): void;
  /** These are to be recorded from now on. `left`: what earlier runs left of the new ones. */
  instruments(next: readonly Located[], left: Left): void;
  /** Polls are to be made so from now on. */
  poll(options: FetcherInit['poll']): void;
  /** Ends it; resolves when its last batch was received. */
  stop(): Promise<void>;
}

export function startThread(first: FetcherInit, port: ThreadPort): Thread {
  let init = first;
  const id = `${init.venue}.${init.feed}`;
  const { clock } = port;
  let worker: Worker | null = null;
  let state: ThreadState = 'starting';
  let status: FeedStatus | null = null;
  let restarts = 0;
  let attempt = 0;
  let lastError: string | null = null;
  let startedMs = 0;
  let heardMs = 0;
  let pending: Cancel | null = null;
  let asks = new AbortController();
  let onStopped: () => void = () => undefined;
  /** Of instruments that came while a start looked into the files of those before. */
  let leftSince: readonly Left[] = [];

  const post = (to: Worker, message: ToFetcher): void => to.postMessage(message);

  const onMessage = (from: Worker, message: FromFetcher): void => {
    if (worker === from) heardMs = clock.monoMs();
    switch (message.type) {
      case 'batch':
        return port.onBatch(
          message.batch,
          () => {
            if (worker === from) post(from, { type: 'credit', batches: 1 });
          },
          message.sentUs,
        );
      case 'books':
        return port.onBooks(message.books);
      case 'fact':
        return port.onFact(message.fact);
      case 'gap':
        return port.onGap(message.change);
      case 'reject':
        return port.onReject(message.reason, message.text, message.localUs);
      case 'quarantine':
        return port.onQuarantine(message.symbol, message.reason, message.event);
      case 'status':
        // What a dead thread still had to say is no sign of the next one's life.
        if (worker !== from) return;
        status = message.status;
        state = state === 'stopped' ? state : 'running';
        return;
      case 'ask':
        if (worker === from) answer(from, message.id, message.call, message.priority);
        return;
      case 'dropped':
        return port.onDropped?.(message.symbols);
      case 'stopped':
        onStopped();
    }
  };

  const answer = (to: Worker, askId: number, call: RestCall, priority: Priority): void => {
    void port
      .ask(call, priority, asks.signal)
      .catch((thrown: unknown) => err(failureOf(thrown)))
      .then((result) => {
        if (worker === to) post(to, { type: 'answer', id: askId, result, stretch: port.stretch() });
      });
  };

  const onEnd = (ended: Worker, why: string): void => {
    if (worker !== ended) return;
    worker = null;
    asks.abort();
    onStopped();
    if (state !== 'stopped') startLater(why);
  };

  const startLater = (why: string): void => {
    if (clock.monoMs() - startedMs >= GOOD_MS) attempt = 0;
    const waitMs = backoffMs(attempt, BACKOFF, port.random);
    attempt += 1;
    restarts += 1;
    state = 'restarting';
    lastError = why;
    port.onFact({ type: 'worker_restart', scope: id, reason: why, in_sec: Math.round(waitMs) / 1000 });
    pending = clock.after(waitMs, start);
  };

  const start = (): void => {
    pending = null;
    asks = new AbortController();
    // One listener for each REST question that waits: a thousand books may ask at once.
    setMaxListeners(0, asks.signal);
    startedMs = clock.monoMs();
    heardMs = startedMs;
    leftSince = [];
    void port.resume(init.instruments).then((left) => {
      if (state === 'stopped') return;
      const made = createWorker(leftSince.reduce(together, left));
      if (made.ok) attach(made.value);
      else startLater(made.error.message);
    });
  };

  const createWorker = (left: Left): Result<Worker> => {
    try {
      const workerData: FetcherInit = { ...init, left, pausedMs: port.pausedMs?.() ?? 0 };
      return ok(new Worker(port.url, { workerData, name: id, resourceLimits: MEMORY }));
    } catch (thrown) {
      // The system can refuse another thread.
      return err(failureOf(thrown));
    }
  };

  const attach = (made: Worker): void => {
    worker = made;
    made.on('message', (message: FromFetcher) => onMessage(made, message));
    // `error` is followed by `exit`; whichever comes first ends it, once.
    made.on('error', (thrown) => onEnd(made, failureOf(thrown).message));
    // What was lost with it may be a batch: what comes behind it must not be written as if nothing were missing.
    made.on('messageerror', (thrown) => {
      made.removeAllListeners('message');
      onEnd(made, `a message could not be read: ${failureOf(thrown).message}`);
      void made.terminate();
    });
    made.on('exit', (code) => onEnd(made, `exit ${code}`));
    post(made, { type: 'credit', batches: CREDIT });
    if (port.isHeld?.()) post(made, { type: 'hold', on: true });
  };

  let watchedMs = clock.monoMs();
  const watch = clock.every(WATCH_MS, () => {
    const nowMs = clock.monoMs();
    const heldMs = nowMs - watchedMs - WATCH_MS;
    watchedMs = nowMs;
    // The whole process was held (a sleeping machine): what the threads said is still on its way.
    if (heldMs > WATCH_MS) heardMs = nowMs;
    if (worker === null || nowMs - heardMs < SILENCE_MS) return;
    const stuck = worker;
    onEnd(stuck, `nothing heard for ${SILENCE_MS / 1000} s`);
    void stuck.terminate();
  });

  start();
  return {
    id,
    get init() {
      return init;
    },
    state: () => state,
    status: () => status,
    restarts: () => restarts,
    lastError: () => lastError,
    hold(on) {
      if (worker !== null) post(worker, { type: 'hold', on });
    },
    rotate(symbol) {
      if (worker !== null) post(worker, { type: 'rotate', symbol });
    },
    pause(ms) {
      if (worker !== null) post(worker, { type: 'pause', ms });
    },
    instruments(instruments, left) {
      const gone = init.instruments.filter((one) => !instruments.some(({ symbol }) => symbol === one.symbol));
      init = { ...init, instruments };
      leftSince = [...leftSince, left];
      if (worker !== null) post(worker, { type: 'instruments', instruments, left });
      // Without a thread there are no rows to come.
      else if (gone.length > 0) port.onDropped?.(gone.map(({ symbol }) => symbol));
    },
    poll(poll) {
      init = { ...init, poll };
      if (worker !== null) post(worker, { type: 'poll', poll });
    },
    async stop() {
      state = 'stopped';
      watch();
      pending?.();
      const ending = worker;
      if (ending === null) return;
      await new Promise<void>((resolve) => {
        const late = clock.after(STOP_MS, resolve);
        onStopped = () => {
          late();
          resolve();
        };
        post(ending, { type: 'stop' });
      });
      worker = null;
      asks.abort();
      await ending.terminate();
    },
  };
}

/** Of different symbols. */
function together(one: Left, other: Left): Left {
  return {
    seen: { ...one.seen, ...other.seen },
    last: { ...one.last, ...other.last },
    open: [...one.open, ...other.open],
    because: one.because,
  };
}
