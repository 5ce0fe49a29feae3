/** `tapedeck sim`: the venues' servers on loopback, with a seeded market. */

import { createWriteStream, type WriteStream, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import { systemClock } from '../io/clock.ts';
import { type Sim, startSim } from '../sim/server.ts';
import { VENUES } from '../venues/index.ts';
import { type Console, EXIT } from './console.ts';

export const SIM_HELP = `tapedeck sim [options]
  --port N            9100; 0 takes any free port
  --rate N            1 is a quiet market, 100 gives thousands of messages a second
  --seed N            the same seed gives the same market
  --venues a,b        only these venues
  --symbols V:S,…     more symbols: binance:SOL/USDT,okx:SOL/USDT:USDT
  --journal FILE      every event that was sent, a JSON line each
  --settings FILE     writes settings whose endpoints point here`;

interface SimArgs {
  readonly port: number;
  readonly rate: number;
  readonly seed: number;
  readonly venues: readonly string[];
  readonly symbols: Readonly<Record<string, readonly string[]>>;
  readonly journal: string | undefined;
  readonly settings: string | undefined;
}

/** Runs until SIGINT or SIGTERM, or, as a forked child, until its parent is gone. Resolves with the exit code. */
export async function runSim(argv: readonly string[], io: Console): Promise<number> {
  const args = readArgs(argv);
  if (!args.ok) {
    io.err(`tapedeck sim: ${args.error.message}`);
    return EXIT.usage;
  }
  const { port, rate, seed, symbols, journal, settings } = args.value;
  const file = journal === undefined ? null : await openJournal(journal, io);
  if (file !== null && !file.ok) {
    io.err(`tapedeck sim: --journal: cannot write to ${journal}: ${file.error.message}`);
    return EXIT.io;
  }
  const started = await startSim({
    host: '127.0.0.1',
    port,
    rate,
    seed,
    symbols,
    venues: VENUES.filter((venue) => args.value.venues.includes(venue.id)),
    clock: systemClock(),
    journal: file === null ? null : (line) => void file.value.write(`${line}\n`),
  });
  if (!started.ok) {
    io.err(`tapedeck sim: ${started.error.message}`);
    return EXIT.io;
  }
  const { endpoints } = started.value;
  const written = settings === undefined ? ok(undefined) : writeSettings(settings, endpoints);
  if (!written.ok) {
    io.err(`tapedeck sim: --settings: ${written.error.message}`);
    await started.value.stop();
    return EXIT.io;
  }
  if (settings !== undefined) io.out(`settings that point here: ${settings}`);
  io.out(`[START] simulator on 127.0.0.1:${started.value.port}, rate ${rate}, seed ${seed}`);
  for (const [id, urls] of Object.entries(endpoints)) io.out(`  ${id}: ${Object.values(urls).join(' ')}`);
  process.send?.({ type: 'ready', endpoints });

  await untilStopped(started.value);
  await started.value.stop();
  await new Promise<void>((resolve) => (file === null ? resolve() : file.value.end(() => resolve())));
  io.out('[EXIT simulator]');
  return EXIT.ok;
}

function untilStopped(sim: Sim): Promise<void> {
  return new Promise((resolve) => {
    const isChild = process.send !== undefined;
    // Ctrl-C reaches a forked child and its parent alike: the parent then tells us when, by leaving.
    process.on('SIGINT', () => (isChild ? undefined : resolve()));
    process.on('SIGTERM', () => resolve());
    if (!isChild) return;
    process.on('disconnect', () => resolve());
    process.on('message', (message: { readonly type?: string }) => {
      if (message.type === 'pause') sim.pause();
      if (message.type === 'resume') sim.resume();
    });
  });
}

/** The other venues are switched off: without that they would be dialled for real. */
function writeSettings(path: string, endpoints: Sim['endpoints']): Result<void> {
  const venues = Object.fromEntries(
    VENUES.map(({ id }) => [id, endpoints[id] ? { endpoints: endpoints[id] } : { enabled: false }]),
  );
  try {
    writeFileSync(path, stringify({ venues }));
    return ok(undefined);
  } catch (thrown) {
    return err(failureOf(thrown));
  }
}

function openJournal(path: string, io: Console): Promise<Result<WriteStream>> {
  return new Promise((resolve) => {
    const stream = createWriteStream(path);
    stream.once('open', () => {
      // A journal that fails later is told, and the venues go on.
      stream.on('error', (thrown) => io.err(`tapedeck sim: --journal: ${thrown.message}`));
      resolve(ok(stream));
    });
    stream.once('error', (thrown) => resolve(err(failureOf(thrown))));
  });
}

function readArgs(argv: readonly string[]): Result<SimArgs> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        port: { type: 'string', default: '9100' },
        rate: { type: 'string', default: '1' },
        seed: { type: 'string', default: '1' },
        venues: { type: 'string', default: VENUES.map((venue) => venue.id).join(',') },
        symbols: { type: 'string', default: '' },
        journal: { type: 'string' },
        settings: { type: 'string' },
      },
    });
    const number = (name: 'port' | 'rate' | 'seed', kind: 'a whole number' | 'a number', most: number) => {
      const [text, least] = [values[name], name === 'rate' ? 0.01 : 0];
      const value = Number(text);
      const fits = value >= least && value <= most && (kind === 'a number' || Number.isInteger(value));
      if (text.trim() !== '' && fits) return value;
      throw new RangeError(`--${name}: expected ${kind} from ${least} to ${most}, got "${text}"`);
    };
    const venues = values.venues.split(',');
    const unknown = venues.find((id) => !VENUES.some((venue) => venue.id === id));
    if (unknown !== undefined) throw new RangeError(`--venues: there is no "${unknown}"`);
    return ok({
      port: number('port', 'a whole number', 65_535),
      rate: number('rate', 'a number', 10_000),
      seed: number('seed', 'a whole number', 4_294_967_295),
      venues,
      symbols: readSymbols(values.symbols),
      journal: values.journal,
      settings: values.settings,
    });
  } catch (thrown) {
    return err(failure('usage', failureOf(thrown).message.replaceAll('\n', ' '), 'never'));
  }
}

function readSymbols(text: string): Readonly<Record<string, readonly string[]>> {
  const symbols: Record<string, string[]> = {};
  for (const one of text.split(',').filter((part) => part !== '')) {
    const [, venue, symbol] = /^([a-z]+):(.+)$/.exec(one) ?? [];
    if (venue === undefined || symbol === undefined)
      throw new RangeError(`--symbols: expected venue:SYMBOL, got "${one}"`);
    symbols[venue] = [...(symbols[venue] ?? []), symbol];
  }
  return symbols;
}
