/** One feed in the collector's own thread: started, killed, started anew from what its files and the ledger hold. */

import type { Feed } from '../../core/event.ts';
import type { Clock, Random } from '../../core/ports.ts';
import type { Source, SourceHandlers } from '../../core/source.ts';
import { startFeed } from '../../runtime/feed.ts';
import type { FeedRun } from '../../runtime/feed-port.ts';
import { DEFAULT_TUNING, type FromFetcher, type Left } from '../../runtime/protocol.ts';
import { fetcherInit, type Station } from '../../runtime/station.ts';
import { CREDIT } from '../../runtime/thread.ts';
import type { MemorySim } from '../../sim/memory.ts';
import { mortalClock } from './mortal-clock.ts';

/** Fewer, larger batches: time is moved in steps of this size. */
const BATCH_MS = 200;
/** Kept books are told less often: to write them down is most of the work of a quiet feed. */
const STATUS_MS = 1_000;

export interface FeedLifePort {
  readonly clock: Clock;
  readonly random: Random;
  readonly sim: Pick<MemorySim, 'open'>;
  resume(station: Station, feed: Feed): Promise<Left>;
  /** `done`: the batch's rows are in the file. */
  post(message: FromFetcher, done: () => void): void;
}

export interface FeedLife {
  readonly venue: string;
  readonly feed: Feed;
  start(): Promise<void>;
  /** It is gone, with all that it had in memory; its connections break. */
  kill(): void;
  stop(): Promise<void>;
  pause(ms: number): void;
  rotate(symbol: string): void;
}

interface Life {
  readonly run: FeedRun;
  end(): void;
}

export function feedLife(station: Station, feed: Feed, port: FeedLifePort): FeedLife {
  const { venue } = station;
  const init = {
    ...fetcherInit(station, feed, null),
    tuning: { ...DEFAULT_TUNING, batchDelayMs: BATCH_MS, statusMs: STATUS_MS },
  };
  let life: Life | null = null;
  let isWanted = false;

  const begin = (left: Left): Life => {
    const mortal = mortalClock(port.clock);
    const asks = new AbortController();
    const sources = new Set<Source>();
    let isAlive = true;

    const open = (url: string, handlers: SourceHandlers): Source => {
      const source = port.sim.open(url, {
        onOpen: () => isAlive && handlers.onOpen(),
        onFrame: (text, localUs) => isAlive && handlers.onFrame(text, localUs),
        onSign: () => isAlive && handlers.onSign(),
        onClose(why) {
          sources.delete(source);
          if (isAlive) handlers.onClose(why);
        },
      });
      sources.add(source);
      return source;
    };

    const run = startFeed(
      venue,
      { ...init, left, pausedMs: station.governor.pause('all')?.ms ?? 0 },
      {
        clock: mortal.clock,
        random: port.random,
        open: ({ url }, handlers) => open(url, handlers),
        ask: (call, priority) => station.rest.ask(call, priority, `${venue.id}.${feed}`, asks.signal),
        stretch: station.governor.stretch,
        capture: null,
        post(message) {
          if (isAlive) port.post(message, () => isAlive && run.credit(1));
        },
      },
    );
    run.credit(CREDIT);
    return {
      run,
      end() {
        isAlive = false;
        mortal.end();
        asks.abort();
        for (const source of sources) source.close('at once');
      },
    };
  };

  const kill = (): void => {
    isWanted = false;
    life?.end();
    life = null;
  };

  return {
    venue: venue.id,
    feed,
    async start() {
      isWanted = true;
      const left = await port.resume(station, feed);
      if (isWanted) life ??= begin(left);
    },
    kill,
    async stop() {
      await life?.run.stop();
      kill();
    },
    pause: (ms) => life?.run.pause(ms),
    rotate: (symbol) => life?.run.rotate(symbol),
  };
}
