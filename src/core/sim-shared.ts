/** One event to many clients. */

import type { SimEvent, SimFrame } from './sim.ts';

/**
 * Builds an event's frames of a stream once, however many clients they go to: `shared(event, stream, build)`.
 * Remembers the newest event only, so an event goes to all clients before the next one comes.
 */
export function createSharedFrames(): (
  event: SimEvent,
  stream: string,
  build: () => readonly SimFrame[],
) => readonly SimFrame[] {
  let current: SimEvent | null = null;
  const frames = new Map<string, readonly SimFrame[]>();
  return (event, stream, build) => {
    if (event !== current) {
      current = event;
      frames.clear();
    }
    const known = frames.get(stream) ?? build();
    frames.set(stream, known);
    return known;
  };
}
