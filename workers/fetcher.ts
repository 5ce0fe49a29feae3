/** A fetcher's thread: one exchange, one feed. What it does is `src/runtime/feed.ts`; here are its real parts. */

import { parentPort, workerData } from 'node:worker_threads';
import type { Result } from '../src/core/result.ts';
import { createCapture } from '../src/io/capture.ts';
import { systemClock } from '../src/io/clock.ts';
import { openSocket } from '../src/io/socket.ts';
import { startFeed } from '../src/runtime/feed.ts';
import { keepHeapSmall, ownHeap } from '../src/runtime/heap.ts';
import type { FetcherInit, FromFetcher, RestText, ToFetcher } from '../src/runtime/protocol.ts';
import { loadVenue } from '../src/venues/registry.ts';

const init = workerData as FetcherInit;
const port = parentPort;
const venue = await loadVenue(init.key);
if (port === null || venue === undefined)
  throw new Error(`fetcher: no venue "${init.venue}", or not in a thread`);

const clock = systemClock();
keepHeapSmall(clock, ownHeap());
const answers = new Map<number, (result: Result<RestText>) => void>();
let asked = 0;
let stretch = 1;

const post = (message: FromFetcher): void => {
  if (message.type === 'batch') {
    const { bytes, columns } = message.batch;
    port.postMessage(message, [bytes.buffer as ArrayBuffer, columns.buffer as ArrayBuffer]);
  } else {
    port.postMessage(message);
  }
};

const { venue: id, feed: kind, options, instruments } = init;
const capture =
  init.capture === null
    ? null
    : createCapture({
        dataDir: init.capture.dataDir,
        subject: { version: init.capture.version, venue: id, feed: kind, options, instruments },
        clock,
        bases: Object.values(init.endpoints),
        report: (type, more) => post({ type: 'fact', fact: { type, scope: `${id}.${kind}`, ...more } }),
      });

const feed = startFeed(venue, init, {
  clock,
  random: Math.random,
  open: (plan, handlers) => openSocket(plan.url, clock, handlers),
  stretch: () => stretch,
  ask(call, priority) {
    const id = ++asked;
    post({ type: 'ask', id, call, priority });
    return new Promise((resolve) => answers.set(id, resolve));
  },
  post,
  capture,
});

// It may be credit, or the answer to a question: the supervisor starts the thread anew.
port.on('messageerror', (error) => {
  throw error;
});
port.on('message', (message: ToFetcher) => {
  switch (message.type) {
    case 'credit':
      return feed.credit(message.batches);
    case 'hold':
      return feed.hold(message.on);
    case 'rotate':
      return feed.rotate(message.symbol);
    case 'answer': {
      stretch = message.stretch;
      answers.get(message.id)?.(message.result);
      answers.delete(message.id);
      return;
    }
    case 'pause':
      return feed.pause(message.ms);
    case 'instruments':
      return feed.instruments(message.instruments, message.left);
    case 'poll':
      return feed.poll(message.poll);
    case 'stop':
      void feed.stop().then(() => {
        post({ type: 'stopped' });
        port.close();
      });
  }
});
