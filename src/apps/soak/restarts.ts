/** When what is killed or stopped, from a seed: the same seed gives the same moments. Pure. */

import { seededRandom } from '../../core/random.ts';

export interface Restart {
  /** From the start. */
  readonly atSec: number;
  /** `feed`: one of them, chosen by `pick`. */
  readonly what: 'feed' | 'collector';
  /** In [0, 1). */
  readonly pick: number;
  /** In order; or it is simply gone, with all that it had in memory. */
  readonly how: 'stopped' | 'killed';
  /** How long it stays down. */
  readonly idleSec: number;
}

export interface RestartsOptions {
  readonly seed: number;
  /** None from then on. */
  readonly untilSec: number;
  /** On an average. */
  readonly feedEverySec: number;
  readonly collectorEverySec: number;
  /** Of the collector; at most. */
  readonly idleSec: number;
  /** Of one kind they are at least so far apart. */
  readonly leastSec: number;
}

/** In order of time. Of each kind one at least, where there is room for it. */
export function restartsOf(options: RestartsOptions): readonly Restart[] {
  const { untilSec, feedEverySec, collectorEverySec, leastSec } = options;
  const random = seededRandom(options.seed);
  const restart = (what: Restart['what'], atSec: number): Restart => ({
    ...{ atSec: Math.round(atSec), what, pick: random(), how: random() < 0.6 ? 'killed' : 'stopped' },
    idleSec: Math.round(what === 'feed' ? 1 + random() * 30 : 1 + random() * (options.idleSec - 1)),
  });
  const series = (what: Restart['what'], firstSec: number, everySec: number): readonly Restart[] => {
    const all: Restart[] = [];
    for (let sec = firstSec; sec < untilSec; sec += Math.max(leastSec, -Math.log(1 - random()) * everySec))
      all.push(restart(what, sec));
    return all;
  };
  if (untilSec < leastSec) return [];
  return [
    ...series('feed', Math.min(untilSec * 0.3, feedEverySec), feedEverySec),
    ...series('collector', Math.min(untilSec * 0.6, collectorEverySec), collectorEverySec),
  ].sort((a, b) => a.atSec - b.atSec);
}
