/** `tapedeck config print | schema`: the settings that hold, and their JSON Schema for editors. */

import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { type Environment, type LoadedSettings, loadSettings } from '../../config/load.ts';
import { jsonSchema, type VenueDeclaration } from '../../config/schema.ts';
import { redactor } from '../core/redact.ts';
import { err, failureOf, ok } from '../core/result.ts';
import { type Console, EXIT } from './console.ts';

export interface ConfigContext {
  /** The project root. */
  readonly root: string;
  /** The working directory: what paths on the command line are relative to. */
  readonly cwd: string;
  readonly env: Environment;
  readonly venues: readonly VenueDeclaration[];
}

export const CONFIG_HELP = `tapedeck config print [--config FILE] [--data DIR] [--logs DIR] [--venues a,b] [--feeds x,y]
tapedeck config schema
  print   the settings that hold, as YAML
  schema  a JSON Schema of the settings file, for editors`;

const OPTIONS = {
  config: { type: 'string' },
  data: { type: 'string' },
  logs: { type: 'string' },
  venues: { type: 'string' },
  feeds: { type: 'string' },
} as const;

/** Returns the exit code: 0 done, 64 bad settings or arguments. `argv` begins after `config`. */
export async function runConfig(
  argv: readonly string[],
  io: Console,
  context: ConfigContext,
): Promise<number> {
  const parsed = parse(argv);
  if (!parsed.ok) {
    io.err(`tapedeck config: ${parsed.error.message}\n${CONFIG_HELP}`);
    return EXIT.usage;
  }
  const { command, options } = parsed.value;
  if (command === 'schema') {
    io.out(JSON.stringify(jsonSchema(context.venues), null, 2));
    return EXIT.ok;
  }
  const { config, data, logs, venues, feeds } = options;
  const overrides = { data, logs, venues: list(venues), feeds: list(feeds) };
  const loaded = await loadSettings({ ...context, file: config ?? null, overrides });
  if (!loaded.ok) {
    for (const problem of loaded.error) io.err(problem.text);
    return EXIT.usage;
  }
  if (loaded.value.created) io.err(`made ${loaded.value.file} from settings.default.yaml`);
  const { settings } = loaded.value;
  // What is printed is shown to others, too.
  const redact = redactor(settings.health.webhook === null ? [] : [settings.health.webhook]);
  io.out(`${origin(loaded.value, context.root)}\n${redact(stringify(settings)).trimEnd()}`);
  return EXIT.ok;
}

/** `# config/settings.yaml, with BTC_TS_DATA_DIR` */
function origin({ file, variables }: LoadedSettings, root: string): string {
  const shown = relative(root, file);
  const variablesText = variables.length === 0 ? 'no environment variable' : variables.join(', ');
  return `# ${shown.startsWith('..') ? file : shown}, with ${variablesText}`;
}

function parse(argv: readonly string[]) {
  const parsed = parseOptions(argv);
  if (!parsed.ok) return parsed;
  const { values: options, positionals } = parsed.value;
  const [command, ...rest] = positionals;
  const surplus = command === 'schema' && Object.keys(options).length > 0;
  if ((command !== 'print' && command !== 'schema') || rest.length > 0 || surplus) {
    const got = argv.length === 0 ? 'nothing' : argv.join(' ');
    return err({ message: `expected print or schema, got ${got}` });
  }
  return ok({ command, options } as const);
}

function parseOptions(argv: readonly string[]) {
  const parseStrictly = () => parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  try {
    return ok(parseStrictly());
  } catch (thrown) {
    return err(failureOf(thrown, 'never'));
  }
}

function list(value: string | undefined): readonly string[] | undefined {
  return value
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
