/** Timers that end together, as those of a thread that is killed. */

import type { Cancel, Clock } from '../../core/ports.ts';

export interface MortalClock {
  readonly clock: Clock;
  /** Nothing that was asked for by it happens any more. */
  end(): void;
}

export function mortalClock(clock: Clock): MortalClock {
  const live = new Set<Cancel>();
  let ended = false;

  const keep = (start: (forget: () => void) => Cancel): Cancel => {
    if (ended) return () => undefined;
    const end: Cancel = () => {
      live.delete(end);
      cancel();
    };
    const cancel = start(() => live.delete(end));
    live.add(end);
    return end;
  };

  return {
    clock: {
      wallUs: clock.wallUs,
      monoMs: clock.monoMs,
      after: (ms, run) =>
        keep((forget) =>
          clock.after(ms, () => {
            forget();
            run();
          }),
        ),
      every: (ms, run) => keep(() => clock.every(ms, run)),
    },
    end() {
      ended = true;
      for (const cancel of [...live]) cancel();
    },
  };
}
