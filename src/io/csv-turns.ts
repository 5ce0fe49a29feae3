/** Whose turn it is: each holder runs alone, at most so many at once, in the order in which they asked. */

export interface Turns<T> {
  /** Asks for a turn; `pump` begins it as soon as there is room. One that asks twice before it has one gets one. */
  ask(holder: T): void;
  pump(): void;
}

/** `run` never rejects. */
export function createTurns<T extends { busy: boolean }>(
  limit: number,
  run: (holder: T) => Promise<void>,
): Turns<T> {
  const ready = new Set<T>();
  let running = 0;

  function pump(): void {
    for (const holder of ready) {
      if (running >= limit) return;
      if (holder.busy) continue;
      ready.delete(holder);
      holder.busy = true;
      running++;
      void run(holder).then(() => {
        running--;
        holder.busy = false;
        pump();
      });
    }
  }

  return { ask: (holder) => void ready.add(holder), pump };
}
