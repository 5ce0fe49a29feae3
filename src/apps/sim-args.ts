/** The options of `tapedeck sim`. */

import { parseArgs } from 'node:util';
import { err, failure, failureOf, ok, type Result } from '../core/result.ts';
import type { Venue } from '../core/venue.ts';
import { FAULT_SYNTAX, parseFault } from '../sim/fault-text.ts';
import { FAULT_KINDS, type Fault, readFault } from '../sim/faults.ts';
import { servedOf } from '../sim/place.ts';
import { MIXES, type Mix } from '../sim/random-faults.ts';
import { VENUES } from '../venues/index.ts';

const MIX_NAMES: readonly Mix[] = ['all', ...(Object.keys(MIXES) as Mix[])];

export const SIM_HELP = `tapedeck sim [options]
  --port N            9100; 0 takes any free port
  --rate N            1 is a quiet market, 100 gives thousands of messages a second
  --seed N            the same seed gives the same market
  --venues a,b        only these venues
  --symbols V:S,…     more symbols: binance:SOL/USDT,okx:SOL/USDT:USDT
  --journal FILE      every event that was sent, and every fault, a JSON line each
  --journal-market    also every trade of the markets, whether anybody was told or not
  --settings FILE     writes settings whose endpoints point here
  --fault SPEC        what goes wrong (may be given again): ${FAULT_SYNTAX}
                      binance:drop:orderbook:BTC/USDT:count=3:after=5   bybit:stall:trades:for=120
                      okx:notice:lead=5   binance:status:status=429:retryAfter=30:path=/depth
                      kinds: ${lines(FAULT_KINDS)}
                      docs/simulator.md tells what each does and what it takes
  --fault-rate N      so many faults a minute, of all kinds, by chance
  --fault-seed N      1; the same seed gives the same faults
  --fault-mix NAME    draws them from ${MIX_NAMES.join(', ')}
  --control PORT      faults by HTTP on loopback; 0 takes any free port`;

function lines(names: readonly string[]): string {
  const half = Math.ceil(names.length / 2);
  return `${names.slice(0, half).join(' ')}\n                             ${names.slice(half).join(' ')}`;
}

export interface SimArgs {
  readonly port: number;
  readonly rate: number;
  readonly seed: number;
  readonly venues: readonly Venue[];
  readonly symbols: Readonly<Record<string, readonly string[]>>;
  readonly journal: string | undefined;
  readonly journalMarket: boolean;
  readonly settings: string | undefined;
  readonly faults: readonly Fault[];
  /** Faults a minute by chance; null: none. */
  readonly faultRate: number | null;
  readonly faultSeed: number;
  readonly faultMix: Mix;
  /** Null: no control port. */
  readonly control: number | null;
}

const WHOLE = 'a whole number';
const MOST_PORT = 65_535;
const MOST_SEED = 4_294_967_295;

export function readSimArgs(argv: readonly string[]): Result<SimArgs> {
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
        'journal-market': { type: 'boolean', default: false },
        settings: { type: 'string' },
        fault: { type: 'string', multiple: true, default: [] },
        'fault-rate': { type: 'string' },
        'fault-seed': { type: 'string', default: '1' },
        'fault-mix': { type: 'string', default: 'all' },
        control: { type: 'string' },
      },
    });
    const ids = values.venues.split(',');
    const unknown = ids.find((id) => !VENUES.some((venue) => venue.id === id));
    if (unknown !== undefined) throw new RangeError(`--venues: there is no "${unknown}"`);
    const venues = VENUES.filter((venue) => ids.includes(venue.id));
    const symbols = readSymbols(values.symbols);
    const mix = MIX_NAMES.find((name) => name === values['fault-mix']);
    if (mix === undefined)
      throw new RangeError(
        `--fault-mix: expected one of ${MIX_NAMES.join(', ')}, got "${values['fault-mix']}"`,
      );
    const { control, 'fault-rate': faultRate } = values;
    return ok({
      port: number('--port', values.port, WHOLE, 0, MOST_PORT),
      rate: number('--rate', values.rate, 'a number', 0.01, 10_000),
      seed: number('--seed', values.seed, WHOLE, 0, MOST_SEED),
      venues,
      symbols,
      journal: values.journal,
      journalMarket: values['journal-market'],
      settings: values.settings,
      faults: readFaults(values.fault, venues, symbols),
      faultRate: faultRate === undefined ? null : number('--fault-rate', faultRate, 'a number', 0.01, 600),
      faultSeed: number('--fault-seed', values['fault-seed'], WHOLE, 0, MOST_SEED),
      faultMix: mix,
      control: control === undefined ? null : number('--control', control, WHOLE, 0, MOST_PORT),
    });
  } catch (thrown) {
    return err(failure('usage', failureOf(thrown).message.replaceAll('\n', ' '), 'never'));
  }
}

function number(
  name: string,
  text: string,
  kind: 'a whole number' | 'a number',
  least: number,
  most: number,
) {
  const value = Number(text);
  const fits = value >= least && value <= most && (kind === 'a number' || Number.isInteger(value));
  if (text.trim() !== '' && fits) return value;
  throw new RangeError(`${name}: expected ${kind} from ${least} to ${most}, got "${text}"`);
}

function readFaults(
  texts: readonly string[],
  venues: readonly Venue[],
  symbols: SimArgs['symbols'],
): readonly Fault[] {
  const served = servedOf({ venues, symbols });
  return texts.map((text) => {
    const read = readFault(parseFault(text), served);
    if (read.ok) return read.value;
    throw new RangeError(`--fault ${text}: ${read.error.message}`);
  });
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
