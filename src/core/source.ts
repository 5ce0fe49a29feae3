/** Frames arriving, whatever brings them. */

import type { Failure, Result } from './result.ts';

export interface SourceHandlers {
  onOpen(): void;
  /** `localUs`: our wall clock at receipt, µs. */
  onFrame(text: string, localUs: number): void;
  /** Something arrived that is no frame (a protocol ping): the connection lives. */
  onSign(): void;
  /** Called once, after which nothing more comes. */
  onClose(why: Failure): void;
}

export interface Source {
  send(text: string): Result<void>;
  /** Ends it: politely, or at once when the other side is taken for dead. */
  close(how: 'politely' | 'at once'): void;
}
