/**
 * The world without sockets: connections and REST calls in memory, on the clock that it is given. A collector's parts
 * run against it on time that a test moves, in one thread.
 */

import type { Cancel } from '../core/ports.ts';
import { err, failure, ok, type Result } from '../core/result.ts';
import type { Source, SourceHandlers } from '../core/source.ts';
import type { HttpAnswer } from '../io/send.ts';
import type { Peer } from './client.ts';
import { createPipe } from './pipe.ts';
import { endpointsOf } from './place.ts';
import { createWorld, STEP_MS, type World, type WorldOptions, type WorldSession } from './world.ts';

export interface MemoryOptions extends WorldOptions {
  /** Of each way, ms: 1 unless told. */
  readonly latencyMs?: number;
  /** From step to step of the markets, ms: 10 unless told; longer ones make long runs cheap. */
  readonly stepMs?: number;
  /** For a whole REST call, ms: 10 s unless told. */
  readonly timeoutMs?: number;
}

export interface MemorySim extends World {
  /** By venue, for `venues.<id>.endpoints` of the settings. */
  readonly endpoints: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** As `io/socket.ts` opens a WebSocket: the same handlers, the same failures. */
  open(url: string, handlers: SourceHandlers): Source;
  /** A GET: the answer, whatever its status. Fails with `ETIMEDOUT` where no whole one comes in time. */
  get(url: string): Promise<Result<HttpAnswer>>;
}

const HOST = 'sim';
const LATENCY_MS = 1;
const TIMEOUT_MS = 10_000;
/** As `io/socket.ts`: a larger frame closes the connection. */
const FRAME_BYTES = 16 * 1024 * 1024;

/** Steps by itself, on the clock, until `stop`. */
export function createMemorySim(options: MemoryOptions): MemorySim {
  const { clock, latencyMs = LATENCY_MS, timeoutMs = TIMEOUT_MS, stepMs = STEP_MS } = options;
  const world = createWorld(options);
  const stopSteps = clock.every(stepMs, world.step);

  const open = (url: string, handlers: SourceHandlers): Source => {
    type State = 'opening' | 'open' | 'closing' | 'closed';
    let [near, far]: [State, State] = ['opening', 'opening'];
    let session: WorldSession | null = null;

    /** Called once. What is under way towards us is not read. */
    const endNear = (code: string, message: string): void => {
      if (near === 'closed') return;
      near = 'closed';
      toUs.cut();
      handlers.onClose(failure(code, message));
    };
    const endFar = (code: number): void => {
      if (far === 'closed') return;
      far = 'closed';
      toThem.cut();
      session?.closed(code);
    };
    const toUs = createPipe<() => void>(clock, latencyMs, (arrive) => arrive());
    const toThem = createPipe<() => void>(clock, latencyMs, (arrive) => arrive());

    const receive = (text: string): void => {
      if (text.length > FRAME_BYTES) {
        toThem.push(() => endFar(1009));
        endNear('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'Max payload size exceeded');
      } else handlers.onFrame(text, clock.wallUs());
    };
    const peer: Peer = {
      send: (text) => toUs.push(() => receive(text)),
      ping: () => toUs.push(() => handlers.onSign()),
      close(code, reason) {
        far = 'closing';
        const said = reason === '' ? '' : ` (${reason})`;
        toUs.push(() => {
          toThem.push(() => endFar(code));
          endNear(`ws ${code}`, `closed by the server${said}`);
        });
      },
      terminate() {
        toUs.push(() => endNear('closed', 'without a close frame'));
        endFar(1006);
      },
      isOpen: () => far === 'open',
      unreadBytes: () => 0,
    };

    toThem.push(() => {
      const door = world.connect(pathOf(url));
      if (!door.opens) {
        far = 'closed';
        toUs.push(() => endNear('Error', `Unexpected server response: ${door.status}`));
        return;
      }
      far = 'open';
      session = door.enter(peer);
      toUs.push(() => {
        near = 'open';
        handlers.onOpen();
      });
    });

    return {
      send(text) {
        if (near !== 'open') return err(failure('not_open', 'the connection is not open'));
        toThem.push(() => session?.receive(text));
        return ok(undefined);
      },
      close(how) {
        if (near === 'closed') return;
        if (how === 'politely' && near === 'open') {
          near = 'closing';
          toThem.push(() => {
            if (far === 'open') toUs.push(() => endNear('ws 1000', 'closed by the server'));
            endFar(1000);
          });
          return;
        }
        const message = near === 'opening' ? 'before it opened' : 'without a close frame';
        toUs.cut();
        toThem.push(() => endFar(1006));
        clock.after(0, () => endNear('closed', message));
      },
    };
  };

  const get = (url: string): Promise<Result<HttpAnswer>> =>
    new Promise((resolve) => {
      const cancels: Cancel[] = [];
      const end = (result: Result<HttpAnswer>): void => {
        for (const cancel of cancels) cancel();
        resolve(result);
      };
      const sentUs = clock.wallUs();
      const why = failure('ETIMEDOUT', `${url.split('?')[0]}: no whole answer within ${timeoutMs} ms`);
      cancels.push(clock.after(timeoutMs, () => end(err(why))));
      const ask = (): void => {
        const cancel = world.request(pathOf(url), ({ status, headers, body, isWhole }) => {
          if (!isWhole) return;
          const arrive = (): void => {
            const localUs = clock.wallUs();
            end(ok({ status, headers, text: body, localUs, sentUs, headUs: localUs, url }));
          };
          cancels.push(clock.after(latencyMs, arrive));
        });
        cancels.push(cancel);
      };
      cancels.push(clock.after(latencyMs, ask));
    });

  return {
    ...world,
    endpoints: Object.fromEntries(options.venues.map((venue) => [venue.id, endpointsOf(venue, HOST)])),
    open,
    get,
    stop() {
      stopSteps();
      world.stop();
    },
  };
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return `${pathname}${search}`;
}
