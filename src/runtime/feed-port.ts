/** What a feed is given, and what can be asked of it. */

import type { Capture } from '../core/capture.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Result } from '../core/result.ts';
import type { Source, SourceHandlers } from '../core/source.ts';
import type { ConnectionPlan, Located, RestCall } from '../core/venue.ts';
import type { FetcherInit, FromFetcher, Left, Priority, RestText } from './protocol.ts';

export interface FeedPort {
  readonly clock: Clock;
  readonly random: Random;
  open(plan: ConnectionPlan, handlers: SourceHandlers): Source;
  ask(call: RestCall, priority: Priority): Promise<Result<RestText>>;
  /** How far the venue's governor has polling stretched; 1 when it has not. */
  stretch(): number;
  post(message: FromFetcher): void;
  /** Records everything raw; null where that is not wanted. */
  readonly capture: Capture | null;
}

export interface FeedRun {
  credit(batches: number): void;
  /** The symbol's next row begins a new file. */
  rotate(symbol: string): void;
  /** Nothing may be written to the disk now, or may again. */
  hold(on: boolean): void;
  /** Closes the connections, and keeps them closed for so long, ms. */
  pause(ms: number): void;
  /** Records these from now on, and no others. `left`: what earlier runs left of the new ones. */
  instruments(next: readonly Located[], left: Left): void;
  /** Polls so from now on. */
  poll(options: FetcherInit['poll']): void;
  /** Closes the connections and sends what waits; resolves when the capture is on disk. */
  stop(): Promise<void>;
}
