/** An intake with what comes out of it, for tests of venues. */

import { FEEDS, type Feed, type MarketEvent } from '../../src/core/event.ts';
import type { FeedOptions, Venue } from '../../src/core/venue.ts';
import { createIntake, type Intake } from '../../src/runtime/intake.ts';

export interface Bench {
  readonly intake: Intake;
  readonly events: MarketEvent[];
  /** Of each event: the day of its file, with a `+` where it begins one. */
  readonly places: string[];
  readonly rejects: { readonly reason: string; readonly text: string }[];
  readonly needs: string[];
  readonly lost: string[];
  readonly said: string[];
  readonly unjoined: string[];
}

export const LOCAL_US = 1_795_219_201_000_000;

/** Symbols are those of the venue's own rule unless `symbols` names them. */
export function bench(
  venue: Venue,
  options: Partial<FeedOptions> & {
    readonly feeds?: readonly Feed[];
    readonly symbols?: readonly string[];
  } = {},
): Bench {
  const events: MarketEvent[] = [];
  const places: string[] = [];
  const rejects: Bench['rejects'] = [];
  const needs: string[] = [];
  const lost: string[] = [];
  const said: string[] = [];
  const unjoined: string[] = [];
  const intake = createIntake(
    venue,
    new Set(options.feeds ?? FEEDS),
    { depth: options.depth ?? 200, stream: options.stream ?? null },
    {
      symbolOf(id, market) {
        const symbol = venue.symbolOf(id, market) ?? undefined;
        return options.symbols === undefined || (symbol !== undefined && options.symbols.includes(symbol))
          ? symbol
          : undefined;
      },
      emit(event, _, { day, begins }) {
        events.push(event);
        places.push(`${begins ? '+' : ''}${day}`);
        return true;
      },
      unjoined: (symbol) => unjoined.push(symbol),
      needSnapshot: (symbol, reason) => needs.push(`${symbol}: ${reason}`),
      lost: (symbol, reason) => lost.push(`${symbol}: ${reason}`),
      drift: () => undefined,
      reject: (reason, text) => rejects.push({ reason, text }),
      said: (_, what, text) => said.push(`${what}: ${text}`),
    },
  );
  return { intake, events, places, rejects, needs, lost, said, unjoined };
}

/** Puts frames in, a second apart, on a connection to `url` that is opened first. */
export function feed(to: Bench, url: string, frames: readonly string[], fromUs = LOCAL_US): void {
  to.intake.open(url, url);
  for (const [index, text] of frames.entries()) to.intake.frame(url, text, fromUs + index * 1_000);
}
