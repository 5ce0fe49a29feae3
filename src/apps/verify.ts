/** `tapedeck verify DIR`: checks what was recorded, from the files alone. */

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { failureOf } from '../core/result.ts';
import { systemClock } from '../io/clock.ts';
import { verify } from '../runtime/verify/verify.ts';
import { type Console, EXIT } from './console.ts';
import { createProgress } from './progress.ts';
import { reportText } from './verify-text.ts';

export const VERIFY_HELP = `tapedeck verify DIR [--json] [--sparse NAME]…
  checks the files of a data directory; exit 0 clean, 1 holes that the ledger explains, 2 damage or other holes
  --json    the report as one object
  --sparse  a file whose trade ids leave some out (trades-binance-BTC-USDT_USDT, recorded with stream: trade)`;

/** Resolves with the exit code: 0, 1 or 2 as the report says, 64 bad arguments, 74 the directory cannot be read. */
export async function runVerify(
  argv: readonly string[],
  place: { readonly cwd: string },
  io: Console,
): Promise<number> {
  const args = readArgs(argv);
  if (typeof args === 'string') {
    io.err(args);
    return EXIT.usage;
  }
  const clock = systemClock();
  const progress = createProgress(io.progress, clock.monoMs);
  const done = await verify({
    dataDir: resolve(place.cwd, args.dir),
    nowUs: clock.wallUs(),
    sparse: args.sparse,
    progress: progress.show,
  });
  progress.clear();
  if (!done.ok) {
    io.err(`tapedeck verify: ${done.error.message}`);
    return ['ENOENT', 'unknown_name'].includes(done.error.code) ? EXIT.usage : EXIT.io;
  }
  if (args.json) io.out(JSON.stringify(done.value));
  else for (const line of reportText(done.value)) io.out(line);
  return done.value.exit_code;
}

interface Args {
  readonly dir: string;
  readonly json: boolean;
  readonly sparse: readonly string[];
}

function readArgs(argv: readonly string[]): Args | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { json: { type: 'boolean' }, sparse: { type: 'string', multiple: true } },
      allowPositionals: true,
    });
    const [dir, ...more] = positionals;
    if (dir === undefined || more.length > 0) return VERIFY_HELP;
    const sparse = (values.sparse ?? []).map((name) => name.replace(/\.csv$/, ''));
    return { dir, json: values.json ?? false, sparse };
  } catch (thrown) {
    return `${failureOf(thrown).message}\n${VERIFY_HELP}`;
  }
}
