#!/usr/bin/env node
/** The one command line; every npm script is a thin call of it. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { environment } from '../config/load.ts';
import { BOOK_HELP, runBook } from '../src/apps/book.ts';
import { COLLECTOR_HELP, runCollector } from '../src/apps/collector.ts';
import { CONFIG_HELP, runConfig } from '../src/apps/config.ts';
import { type Console, EXIT, type Place } from '../src/apps/console.ts';
import { HEALTH_HELP, runHealth } from '../src/apps/health.ts';
import { REPLAY_HELP, runReplay } from '../src/apps/replay.ts';
import { runSim, SIM_HELP } from '../src/apps/sim.ts';
import { runSoak, SOAK_HELP } from '../src/apps/soak.ts';
import { runSymbols, SYMBOLS_HELP } from '../src/apps/symbols.ts';
import { runVerify, VERIFY_HELP } from '../src/apps/verify.ts';
import { VENUES } from '../src/venues/index.ts';

const here = fileURLToPath(import.meta.url);
const isCompiled = here.endsWith('.js');
const ending = isCompiled ? '.js' : '.ts';
const root = fileURLToPath(new URL(isCompiled ? '../..' : '..', import.meta.url));
const manifest = JSON.parse(
  readFileSync(new URL(isCompiled ? '../../package.json' : '../package.json', import.meta.url), 'utf8'),
) as {
  readonly version: string;
};

const place: Place = {
  root,
  cwd: process.cwd(),
  version: manifest.version,
  cli: here,
  fetcherUrl: new URL(`../workers/fetcher${ending}`, import.meta.url),
  compressUrl: new URL(`../workers/compress${ending}`, import.meta.url),
};

const console: Console = {
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  ...(process.stderr.isTTY && { progress: (text: string) => void process.stderr.write(`\r\x1b[K${text}`) }),
};

const HELPS = new Map([
  ['collector', COLLECTOR_HELP],
  ['health', HEALTH_HELP],
  ['replay', REPLAY_HELP],
  ['sim', SIM_HELP],
  ['soak', SOAK_HELP],
  ['verify', VERIFY_HELP],
  ['book', BOOK_HELP],
  ['symbols', SYMBOLS_HELP],
  ['config', CONFIG_HELP],
]);
const HELP = [`tapedeck ${manifest.version}: records public market data`, ...HELPS.values()].join('\n\n');

function run(command: string | undefined, argv: readonly string[]): Promise<number> | number {
  const help = HELPS.get(command ?? '');
  if (help !== undefined && (argv.includes('--help') || argv.includes('-h'))) {
    console.out(help);
    return EXIT.ok;
  }
  switch (command) {
    case 'collector':
      return runCollector(argv, place, console, environment());
    case 'health':
      return runHealth(argv, place, console, environment());
    case 'replay':
      return runReplay(argv, place, console, environment());
    case 'sim':
      return runSim(argv, console);
    case 'soak':
      return runSoak(argv, place, console, environment());
    case 'verify':
      return runVerify(argv, place, console);
    case 'book':
      return runBook(argv, place, console, environment());
    case 'symbols':
      return runSymbols(argv, place, console, environment());
    case 'config':
      return runConfig(argv, console, {
        root: place.root,
        cwd: place.cwd,
        env: environment(),
        venues: VENUES,
      });
    case 'help':
    case '--help':
    case '-h':
      console.out(HELP);
      return EXIT.ok;
    case '--version':
      console.out(manifest.version);
      return EXIT.ok;
    default:
      console.err(command === undefined ? HELP : `tapedeck: unknown command "${command}"\n${HELP}`);
      return EXIT.usage;
  }
}

// A reader that went away (a closed pipe) is no reason to stop recording; the status files go on telling.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
process.on('uncaughtException', (thrown) => {
  console.err(`tapedeck: a bug, please report it: ${thrown.stack ?? thrown.message}`);
  process.exit(EXIT.software);
});

const [command, ...argv] = process.argv.slice(2);
try {
  process.exitCode = await run(command, argv);
} catch (thrown) {
  // Nothing of ours throws in order: what arrives here is a bug, and is shown whole.
  console.err(
    `tapedeck: a bug, please report it: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`,
  );
  process.exitCode = EXIT.software;
}
// Where pipes are asynchronous, what was written may be under way still.
await new Promise((resolve) => process.stdout.write('', resolve));
// Handles that are still open (a socket that lingers) must not keep a finished program alive.
process.exit();
