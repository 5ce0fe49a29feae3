/** How a fetcher's feed says it is. */

import type { Capture } from '../core/capture.ts';
import type { Batcher } from './batcher.ts';
import type { Connections } from './connections.ts';
import type { Fallback } from './fallback.ts';
import type { Holes } from './holes.ts';
import type { InstrumentSet } from './instrument-set.ts';
import type { Intake } from './intake.ts';
import type { Outflow } from './outflow.ts';
import type { Poller } from './poller.ts';
import type { FeedState, FeedStatus, FetcherInit, SymbolStatus } from './protocol.ts';

export interface FeedParts {
  readonly feed: FetcherInit['feed'];
  readonly instruments: InstrumentSet;
  readonly connections: Pick<Connections, 'all' | 'errors'>;
  readonly poller: Poller;
  readonly fallback: Fallback;
  readonly intake: Intake;
  readonly batcher: Batcher;
  readonly capture: Capture | null;
  readonly outflow: Pick<Outflow, 'dropped'>;
  readonly holes: Pick<Holes, 'of' | 'open'>;
  readonly untold: number;
  readonly lastError: string | null;
}

export function feedStatus(parts: FeedParts): FeedStatus {
  const { connections, intake, batcher, capture, outflow, fallback, untold, lastError } = parts;
  const { frames, events, rejects, duplicates, ahead, ignored, resyncs } = intake.counters;
  let stale = 0;
  for (const sync of intake.books().values()) stale += sync.stale();
  return {
    state: stateOf(parts),
    fallback: fallback.isOn(),
    frames,
    events,
    rejects,
    untold,
    duplicates,
    ahead,
    stale,
    ignored,
    resyncs,
    reconnects: connections.all().reduce((sum, link) => sum + link.reconnects(), 0),
    dropped: [...outflow.dropped().values()].reduce((sum, count) => sum + count, 0),
    gapsOpen: parts.holes.open(),
    queued: batcher.queued(),
    lastError,
    capture: capture?.status() ?? null,
    symbols: symbolStatus(parts),
  };
}

/** A poll that brings something counts as a connection that is open. */
function stateOf({ connections, poller }: FeedParts): FeedState {
  const links = connections.all();
  const ups = links.filter((link) => link.isUp()).length;
  const { polled, good } = poller.counts();
  if (ups + good === 0) return 'waiting';
  return ups === links.length && (links.length > 0 || good === polled) ? 'collecting' : 'connecting';
}

function symbolStatus({
  feed,
  instruments,
  connections,
  intake,
  outflow,
  holes,
}: FeedParts): Record<string, SymbolStatus> {
  const seen = intake.symbols();
  const errors = connections.errors();
  return Object.fromEntries(
    instruments.all().map(({ symbol }) => {
      const state = seen.get(symbol);
      const error = errors.get(symbol);
      const book = feed === 'orderbook' ? (intake.books().get(symbol)?.state() ?? 'joining') : null;
      return [
        symbol,
        {
          state: book ?? (state === undefined ? 'waiting' : 'collecting'),
          lastLocalUs: state?.lastLocalUs ?? 0,
          events: state?.events ?? 0,
          resyncs: state?.resyncs ?? 0,
          dropped: outflow.dropped().get(symbol) ?? 0,
          ...holes.of(symbol),
          ...(error !== undefined && { error }),
        },
      ];
    }),
  );
}
