/** The options of `tapedeck soak`. */

import { parseArgs } from 'node:util';
import { err, failure, failureOf, ok, type Result } from '../../core/result.ts';

export const SOAK_HELP = `tapedeck soak [--virtual TIME | --real TIME] [options]
  runs the collector against the simulator, with random faults and restarts, and checks all that it recorded;
  exit 0 when nothing was found, 1 with findings. TIME: 90s, 20m, 2h, 1d
  --virtual TIME      1d: everything in one thread, on time that is moved; only the files are real
  --real TIME         a real collector and a real simulator, processes and sockets; killed and started again
  --seed N            1: faults, restarts and markets
  --rate N            how much happens in the markets: 0.2, with --real 1
  --fault-rate N      faults a minute: 1, with --real 6
  --out DIR           an empty or new folder: data/soak/{seed}-{time}; the report lies in it`;

export interface SoakArgs {
  readonly kind: 'virtual' | 'real';
  readonly totalSec: number;
  readonly seed: number;
  readonly rate: number;
  readonly faultsPerMinute: number;
  /** Null: a new one. */
  readonly out: string | null;
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400 };
const LEAST_SEC = { virtual: 60, real: 15 } as const;
const MOST_SEC = 40 * 86_400;

export function readSoakArgs(argv: readonly string[]): Result<SoakArgs> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        virtual: { type: 'string' },
        real: { type: 'string' },
        seed: { type: 'string', default: '1' },
        rate: { type: 'string' },
        'fault-rate': { type: 'string' },
        out: { type: 'string' },
      },
      allowPositionals: false,
    });
    if (values.virtual !== undefined && values.real !== undefined)
      throw new RangeError('--virtual and --real: one of them');
    const kind = values.real === undefined ? 'virtual' : 'real';
    return ok({
      kind,
      totalSec: secondsOf(`--${kind}`, values.real ?? values.virtual ?? '1d', LEAST_SEC[kind]),
      seed: number('--seed', values.seed, 0, 4_294_967_295, true),
      rate: number('--rate', values.rate ?? (kind === 'real' ? '1' : '0.2'), 0.01, 100),
      faultsPerMinute: number(
        '--fault-rate',
        values['fault-rate'] ?? (kind === 'real' ? '6' : '1'),
        0.01,
        600,
      ),
      out: values.out ?? null,
    });
  } catch (thrown) {
    return err(failure('usage', failureOf(thrown).message.replaceAll('\n', ' '), 'never'));
  }
}

function secondsOf(name: string, text: string, least: number): number {
  const [, count = '', unit = ''] = /^(\d+(?:\.\d+)?)(s|m|min|h|d)$/.exec(text) ?? [];
  const sec = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (count !== '' && sec >= least && sec <= MOST_SEC) return sec;
  throw new RangeError(
    `${name}: expected a time from ${least}s to 40d, such as 90s, 20m, 2h or 1d, got "${text}"`,
  );
}

function number(name: string, text: string, least: number, most: number, whole = false): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most && (!whole || Number.isInteger(value)))
    return value;
  throw new RangeError(
    `${name}: expected a${whole ? ' whole' : ''} number from ${least} to ${most}, got "${text}"`,
  );
}
