/** `tapedeck symbols VENUE`: what can be asked for, by the venue's own word. */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withGeneric } from '../../config/generic.ts';
import { type Environment, loadSettings } from '../../config/load.ts';
import { oneOfHint } from '../../config/problem.ts';
import { type Settings, settingsSchema } from '../../config/schema.ts';
import { secretUrls } from '../../config/secrets.ts';
import { oneLine } from '../core/one-line.ts';
import { redactor } from '../core/redact.ts';
import { err, type Failure, failure, failureOf, ok, type Result } from '../core/result.ts';
import { type Instrument, keyOf, type Venue } from '../core/venue.ts';
import { systemClock } from '../io/clock.ts';
import { readGovernorFile } from '../io/governor-file.ts';
import { createGovernorMemory, type GovernorMemory } from '../runtime/governor-memory.ts';
import { createStation, type Station } from '../runtime/station.ts';
import { VENUES, venueByKey } from '../venues/index.ts';
import { type Console, EXIT, type Place } from './console.ts';
import { startSimulator } from './simulator.ts';

export const SYMBOLS_HELP = `tapedeck symbols VENUE [--config FILE] [--sim]
  what can be asked for: each symbol with the venue's own id, its market, and whether it is traded now;
  exit 1 where the venue does not answer
  --sim  of the embedded simulator (needs no network)`;

const OPTIONS = { config: { type: 'string' }, sim: { type: 'boolean' } } as const;

/** Resolves with the exit code: 0 done, 1 the venue did not answer, 64 bad settings or arguments. */
export async function runSymbols(
  argv: readonly string[],
  place: Place,
  io: Console,
  env: Environment,
): Promise<number> {
  const args = readArgs(argv);
  if (!args.ok) return refuse(io, EXIT.usage, `${args.error.message}\n${SYMBOLS_HELP}`);
  const { key, config, sim } = args.value;
  const venue = venueOf(key);
  if (venue === undefined) {
    const known = oneOfHint(key, [...VENUES.map(keyOf), 'ccxt:<id>']);
    return refuse(io, EXIT.usage, `expected ${known}, got "${key}"`);
  }
  const { root, cwd } = place;
  const loaded = await loadSettings({
    file: config ?? null,
    root,
    cwd,
    env,
    venues: VENUES,
    overrides: {},
  });
  if (!loaded.ok) {
    for (const { text } of loaded.error) io.err(text);
    return EXIT.usage;
  }
  const settings = withVenue(loaded.value.settings, venue);
  const simulator = sim ? await startSimulator(place.cli, []) : null;
  if (simulator !== null && !simulator.ok) return refuse(io, EXIT.software, simulator.error.message);
  const endpoints = simulator?.value.endpoints[key];
  const proxy = sim ? undefined : env.HTTPS_PROXY || undefined;
  const memory = sim ? undefined : await memoryOf(settings.paths.data, io);
  const found = await catalogueOf(venue, pointedTo(settings, key, endpoints), proxy, memory);
  simulator?.value.stop();
  if (!found.ok) return refuse(io, EXIT.warn, oneLine(`${key}: ${found.error.code} ${found.error.message}`));
  for (const line of linesOf(venue, found.value)) io.out(line);
  return EXIT.ok;
}

function refuse(io: Console, code: number, message: string): number {
  io.err(`tapedeck symbols: ${message}`);
  return code;
}

/** One of ours, or any exchange that ccxt knows. */
function venueOf(key: string): Venue | undefined {
  const known = withGeneric({ venues: { [key]: {} } }, VENUES).some((one) => keyOf(one) === key);
  return known ? venueByKey(key) : undefined;
}

/** These settings with this venue on; with its defaults where they leave it out. */
function withVenue(settings: Settings, venue: Venue): Settings {
  const key = keyOf(venue);
  // A venue without symbols of its own must be given some, whatever they are.
  const asked = venue.defaultSymbols.length === 0 ? { symbols: ['BTC/USD'] } : {};
  const own = settings.venues[key] ?? settingsSchema([venue]).parse({ venues: { [key]: asked } }).venues[key];
  return own === undefined ? settings : { ...settings, venues: { [key]: { ...own, enabled: true } } };
}

function pointedTo(
  settings: Settings,
  key: string,
  endpoints: Readonly<Record<string, string>> | undefined,
): Settings {
  const own = settings.venues[key];
  if (own === undefined || endpoints === undefined) return settings;
  return { ...settings, venues: { [key]: { ...own, endpoints } } };
}

/** Asked once, by a governor of its own that knows the bans of the collector. */
async function catalogueOf(
  venue: Venue,
  settings: Settings,
  proxy: string | undefined,
  memory: GovernorMemory | undefined,
): Promise<Result<readonly Instrument[]>> {
  const redact = redactor(secretUrls(settings, proxy));
  const port = {
    ...{ clock: systemClock(), proxy, memory, redact },
    note: () => undefined,
    pauseSessions: () => undefined,
  };
  const station = createStation(venue, settings, port);
  if (station === null) return err(failure('off', 'the venue is off', 'never'));
  const found = await askAll(station);
  station.close();
  return found;
}

async function askAll({ venue, governor, rest }: Station): Promise<Result<readonly Instrument[]>> {
  const pause = governor.pause();
  if (pause !== null)
    return err(failure('paused', `nothing is asked for ${Math.ceil(pause.ms / 1000)} s: ${pause.reason}`));
  const found: Instrument[] = [];
  for (const call of venue.rest.catalogue()) {
    const answer = await rest.ask(call, 'poll', 'symbols');
    if (!answer.ok) return answer;
    const read = venue.rest.readInstruments(answer.value.text, call.market);
    if (!read.ok) return read;
    found.push(...read.value);
  }
  return ok(found);
}

/** What the collector's governors wrote down. It is theirs: nothing is written to it. */
async function memoryOf(dataDir: string, io: Console): Promise<GovernorMemory> {
  const file = await readGovernorFile(join(dataDir, 'runtime', 'governor.json'));
  const onError = ({ message }: Failure): void => io.err(`tapedeck symbols: bans are not known: ${message}`);
  if (!file.ok) onError(file.error);
  const write = async () => ok(undefined);
  return createGovernorMemory({ clock: systemClock(), file: file.ok ? file.value : null, write, onError });
}

/** Those that the settings can name, in columns. */
function linesOf(venue: Venue, all: readonly Instrument[]): readonly string[] {
  const rows = all
    .filter(({ symbol, id, market }) => {
      const located = venue.locate(symbol);
      return located?.id === id && located.market === market;
    })
    .map(({ symbol, id, market, trading }) => [symbol, id, market, trading ? 'trading' : 'not trading'])
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
  const widths = [0, 1, 2].map((at) => Math.max(0, ...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '));
}

function readArgs(
  argv: readonly string[],
): Result<{ readonly key: string; readonly config: string | undefined; readonly sim: boolean }> {
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
    const [key, ...more] = positionals;
    if (key === undefined || more.length > 0) return err(failure('usage', 'expected one venue', 'never'));
    return ok({ key, config: values.config, sim: values.sim ?? false });
  } catch (thrown) {
    return err(failureOf(thrown, 'never'));
  }
}
