/** The simulator in memory, on time that the test moves: what its clients get, and what the journal says. */

import { manualTime } from '../../src/core/manual-time.ts';
import type { Failure, Result } from '../../src/core/result.ts';
import type { Source } from '../../src/core/source.ts';
import type { HttpAnswer } from '../../src/io/send.ts';
import { createMemorySim, type MemoryOptions, type MemorySim } from '../../src/sim/memory.ts';
import { VENUES } from '../../src/venues/index.ts';
import { type Json, START_US } from './bench.ts';

export interface MemoryClient {
  readonly source: Source;
  readonly received: { readonly text: string; readonly ms: number }[];
  opens: number;
  signs: number;
  /** Null while it is open. */
  closed: (Failure & { readonly ms: number }) | null;
  texts(): readonly string[];
  /** Those that are JSON, parsed. */
  data(): readonly Json[];
}

export interface Memory {
  readonly sim: MemorySim;
  readonly journal: Json[];
  /** ms since the start. */
  now(): number;
  run(sec: number): void;
  /** Asks for a fault, which must be a right one. */
  fault(fault: object): void;
  open(venue: string, key: string, path: string, hellos?: readonly unknown[]): MemoryClient;
  /** Runs until the answer is there, or time out. */
  get(venue: string, key: string, path: string): Promise<Result<HttpAnswer> & { readonly ms: number }>;
  /** Lines about faults, in short. */
  faults(): readonly Json[];
}

export function memory(options: Partial<MemoryOptions> = {}): Memory {
  const journal: Json[] = [];
  const clock = manualTime(START_US);
  const sim = createMemorySim({
    ...{ seed: 1, rate: 20, venues: VENUES, symbols: {}, clock },
    journal: (line) => journal.push(JSON.parse(line)),
    ...options,
  });
  const now = (): number => Math.round(clock.monoMs());
  const urlOf = (venue: string, key: string, path: string) => `${sim.endpoints[venue]?.[key]}${path}`;
  const run = (sec: number): void => clock.advanceTo(clock.wallUs() + Math.round(sec * 1e6));
  return {
    sim,
    journal,
    now,
    run,
    fault(fault) {
      const added = sim.addFault(fault);
      if (!added.ok) throw new Error(added.error.message);
    },
    open(venue, key, path, hellos = []) {
      const received: { text: string; ms: number }[] = [];
      const client: MemoryClient = {
        received,
        opens: 0,
        signs: 0,
        closed: null,
        texts: () => received.map(({ text }) => text),
        data: () => received.flatMap(({ text }) => readable(text)),
        source: sim.open(urlOf(venue, key, path), {
          onOpen() {
            client.opens += 1;
            for (const hello of hellos) client.source.send(JSON.stringify(hello));
          },
          onFrame: (text) => received.push({ text, ms: now() }),
          onSign() {
            client.signs += 1;
          },
          onClose(why) {
            if (client.closed !== null) throw new Error('closed twice');
            client.closed = { ...why, ms: now() };
          },
        }),
      };
      return client;
    },
    async get(venue, key, path) {
      const from = now();
      let result: Result<HttpAnswer> | null = null;
      void sim.get(urlOf(venue, key, path)).then((answer) => {
        result = answer;
      });
      while (result === null) {
        run(0.01);
        await Promise.resolve();
        if (now() - from > 120_000) throw new Error('no answer ever');
      }
      return { ...(result as Result<HttpAnswer>), ms: now() - from };
    },
    faults: () => journal.filter((line) => line.fault !== undefined).map((line) => line.fault),
  };
}

function readable(text: string): readonly Json[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}

export const okxHello = (...channels: readonly string[]) => ({
  op: 'subscribe',
  args: channels.map((channel) => ({ channel, instId: 'BTC-USDT' })),
});
export const binanceHello = (...params: readonly string[]) => ({ method: 'SUBSCRIBE', params, id: 1 });
export const bybitHello = (...args: readonly string[]) => ({ op: 'subscribe', args, req_id: '1' });
export const bitflyerHello = (channel: string, id = 1) => ({
  ...{ jsonrpc: '2.0', method: 'subscribe', id },
  params: { channel },
});
