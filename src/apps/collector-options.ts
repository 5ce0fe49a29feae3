/** What the collector's command line says, and the settings that it makes. */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Environment, loadSettings } from '../../config/load.ts';
import type { Settings } from '../../config/schema.ts';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import { VENUES } from '../venues/index.ts';
import type { Place } from './console.ts';
import type { Simulator } from './simulator.ts';

const OPTIONS = {
  config: { type: 'string' },
  data: { type: 'string' },
  sim: { type: 'boolean' },
  capture: { type: 'boolean' },
  duration: { type: 'string' },
  venues: { type: 'string' },
  feeds: { type: 'string' },
  rate: { type: 'string' },
  seed: { type: 'string' },
  journal: { type: 'string' },
  fault: { type: 'string', multiple: true },
  control: { type: 'string' },
} as const;

export const COLLECTOR_HELP = `tapedeck collector [options]
  --config FILE       settings other than config/settings.yaml
  --data DIR          where to record, in place of paths.data
  --sim               start the embedded simulator and collect from it (needs no network)
  --capture           record every frame raw too, under capture/, for a replay
  --duration SECONDS  stop in order after this long
  --venues a,b        only these venues        --feeds x,y   only these feeds
  with --sim: --rate N (1 is a quiet market), --seed N, --journal FILE (every event that was sent),
              --fault SPEC (may be given again), --control PORT (docs/simulator.md)`;

export interface CollectorOptions {
  readonly config?: string | undefined;
  readonly data?: string | undefined;
  readonly sim: boolean;
  readonly capture: boolean;
  readonly durationSec: number | null;
  readonly venues?: string | undefined;
  readonly feeds?: string | undefined;
  /** Passed on to the simulator. */
  readonly simArgs: readonly string[];
}

export function readOptions(argv: readonly string[]): Result<CollectorOptions> {
  try {
    const { values } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: false });
    const duration = values.duration === undefined ? null : Number(values.duration);
    if (duration !== null && !(duration > 0 && duration < 1e9)) {
      return err(failure('usage', `--duration: expected seconds above 0, got "${values.duration}"`, 'never'));
    }
    const simArgs = (['rate', 'seed', 'journal', 'control', 'fault'] as const).flatMap((name) =>
      [values[name] ?? []].flat().flatMap((value) => [`--${name}`, value]),
    );
    if (simArgs.length > 0 && !values.sim) {
      return err(failure('usage', `${simArgs[0]}: only with --sim`, 'never'));
    }
    const { config, data, venues, feeds } = values;
    const { sim = false, capture = false } = values;
    return ok({ config, data, venues, feeds, sim, capture, durationSec: duration, simArgs });
  } catch (thrown) {
    return err(failure('usage', `${failureOf(thrown).message}\n${COLLECTOR_HELP}`, 'never'));
  }
}

/** `endpoints`: those of the embedded simulator. `file`: the settings file that is known by now; it is not made. */
export async function loadFor(
  args: CollectorOptions,
  place: Place,
  env: Environment,
  endpoints?: Simulator['endpoints'],
  file: string | null = args.config ?? null,
) {
  const loaded = await loadSettings({
    file,
    root: place.root,
    cwd: place.cwd,
    env,
    venues: VENUES,
    overrides: {
      venues: list(args.venues),
      feeds: list(args.feeds),
      data: args.data,
      capture: args.capture,
      endpoints,
    },
  });
  if (!loaded.ok || !args.sim || args.data !== undefined) return loaded;
  // Simulated data has a folder of its own, unless one is given for it.
  const { settings } = loaded.value;
  const paths = { ...settings.paths, data: join(settings.paths.data, 'sim') };
  return ok({ ...loaded.value, settings: { ...settings, paths } });
}

const list = (text: string | undefined): readonly string[] | undefined =>
  text?.split(',').map((one) => one.trim());

/** The simulator offers whatever the settings ask for. */
export function wantedSymbols(settings: Settings): string {
  return Object.entries(settings.venues)
    .filter(([id]) => VENUES.some((venue) => venue.id === id))
    .flatMap(([id, venue]) => venue.symbols.map((symbol) => `${id}:${symbol}`))
    .join(',');
}
