/** A venue's simulator in virtual time, without a server: what its clients are sent, step by step. */

import type { SimEvent, SimFrame, SimResponse, SimSession, SimView } from '../../src/core/sim.ts';
import { createMarket, type Market } from '../../src/sim/market.ts';
import { venueById } from '../../src/venues/index.ts';

export const START_US = 1_795_219_200_000_000;

// biome-ignore lint/suspicious/noExplicitAny: frames of many shapes, read field by field
export type Json = any;

export interface Client {
  readonly session: SimSession;
  /** Everything sent so far, in order. */
  readonly frames: SimFrame[];
  say(message: unknown): readonly SimFrame[];
}

export interface Bench {
  readonly market: Market;
  readonly view: SimView;
  open(url: string): Client;
  rest(url: string): SimResponse;
  /** Moves on by steps of 10 ms; gives what happened. */
  run(ms: number): readonly SimEvent[];
}

const parts = (url: string) => {
  const { pathname, searchParams } = new URL(url, 'http://sim');
  return { path: pathname, query: searchParams };
};

export function simBench(venueId: string, { seed = 1, rate = 20 } = {}): Bench {
  const venue = venueById(venueId);
  if (venue === undefined) throw new Error(`no venue ${venueId}`);
  const { sim } = venue;
  const market = createMarket({ instruments: sim.instruments, seed, rate, startUs: START_US });
  const clients: Client[] = [];
  return {
    market,
    view: market.view,
    open(url) {
      const session = sim.session(parts(url), market.view);
      if (session === null) throw new Error(`${venueId} has no ${url}`);
      const frames: SimFrame[] = [];
      const say = (message: unknown): readonly SimFrame[] => {
        const said = session.onMessage(typeof message === 'string' ? message : JSON.stringify(message));
        frames.push(...said);
        return said;
      };
      const client = { session, frames, say };
      clients.push(client);
      return client;
    },
    rest(url) {
      const answer = sim.rest(parts(url), market.view);
      if (answer === null) throw new Error(`${venueId} has no ${url}`);
      return answer;
    },
    run(ms) {
      const happened: SimEvent[] = [];
      for (let passed = 0; passed < ms; passed += 10) {
        const nowUs = market.view.nowUs() + 10_000;
        for (const event of market.step(nowUs)) {
          happened.push(event);
          for (const { session, frames } of clients) frames.push(...session.onEvent(event));
        }
        for (const { session, frames } of clients) frames.push(...session.onTick(nowUs));
      }
      return happened;
    },
  };
}

/** A side kept by whoever applies what was sent, as plainly as can be: by the price's text. */
export type Kept = Map<string, string>;

export function applyLevels(kept: Kept, levels: readonly (readonly string[])[]): void {
  for (const [price = '', amount = ''] of levels) {
    if (Number(amount) === 0) kept.delete(price);
    else kept.set(price, amount);
  }
}

/** Best first. */
export function sorted(kept: Kept, sign: 1 | -1): readonly (readonly [string, string])[] {
  return [...kept].sort((a, b) => sign * (Number(b[0]) - Number(a[0])));
}
