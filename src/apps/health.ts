/** `tapedeck health`: how the collector is now, for people (or `--json`), and as the exit code: 0 OK, 1 WARN, 2 CRIT. */

import { parseArgs } from 'node:util';
import { type Environment, loadSettings } from '../../config/load.ts';
import { err, failureOf, ok } from '../core/result.ts';
import { seconds } from '../core/time.ts';
import { systemClock } from '../io/clock.ts';
import { rank } from '../runtime/level.ts';
import { VENUES } from '../venues/index.ts';
import { type Console, EXIT, type Place } from './console.ts';
import { readHealth } from './health-files.ts';
import { healthText } from './health-text.ts';

const OPTIONS = { config: { type: 'string' }, data: { type: 'string' }, json: { type: 'boolean' } } as const;

export const HEALTH_HELP = `tapedeck health [--data DIR] [--config FILE] [--json]
  how the collector that writes to DIR is now; exit code 0 OK, 1 WARN, 2 CRIT or not running`;

/** Resolves with the exit code; 64 for bad settings or arguments. */
export async function runHealth(
  argv: readonly string[],
  place: Place,
  io: Console,
  env: Environment,
): Promise<number> {
  const options = readOptions(argv);
  if (!options.ok) {
    io.err(`tapedeck health: ${options.error.message}\n${HEALTH_HELP}`);
    return EXIT.usage;
  }
  const { config, data, json } = options.value;
  const loaded = await loadSettings({
    file: config ?? null,
    root: place.root,
    cwd: place.cwd,
    env,
    venues: VENUES,
    overrides: { data },
  });
  if (!loaded.ok) {
    for (const { text } of loaded.error) io.err(text);
    return EXIT.usage;
  }
  const folder = loaded.value.settings.paths.data;
  const nowSec = seconds(systemClock().wallUs());
  const health = await readHealth(folder, nowSec);
  io.out(json ? JSON.stringify(health) : healthText(health, folder, nowSec));
  return rank(health.level);
}

function readOptions(argv: readonly string[]) {
  try {
    return ok(parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: false }).values);
  } catch (thrown) {
    return err(failureOf(thrown, 'never'));
  }
}
