/** From the settings file, the environment and the command line to the settings that hold. */

import { readFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { err, failureOf, ok, type Result } from '../src/core/result.ts';
import { replaceFile } from '../src/io/atomic.ts';
import { checkSettings } from './check.ts';
import { applyOverrides, type Overrides } from './overrides.ts';
import { optionProblem, problem, type SettingsProblem } from './problem.ts';
import { type Settings, settingsSchema, type VenueDeclaration } from './schema.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The only place where the process's environment is read; all else takes it as a parameter. */
export function environment(): Environment {
  return process.env;
}

export interface LoadInput {
  /** `--config`, relative to `cwd`; null for `config/settings.yaml`, which is made when it is missing. */
  readonly file: string | null;
  /** The project root: where `config/` is, and what the file's paths and the environment's are relative to. */
  readonly root: string;
  /** What the command line's paths are relative to. */
  readonly cwd: string;
  readonly env: Environment;
  readonly overrides: Overrides;
  readonly venues: readonly VenueDeclaration[];
}

export interface LoadedSettings {
  /** Both paths are absolute. */
  readonly settings: Settings;
  /** Absolute. */
  readonly file: string;
  /** The file was missing and has been made from `settings.default.yaml`. */
  readonly created: boolean;
  /** The environment variables that took part. */
  readonly variables: readonly string[];
  /** What the file held. */
  readonly text: string;
}

type Loaded<T> = Result<T, readonly SettingsProblem[]>;

/** Every problem is told, not just the first. Opens no more than the settings file and its default. */
export async function loadSettings(input: LoadInput): Promise<Loaded<LoadedSettings>> {
  const { root, cwd, env, overrides, venues } = input;
  const file = input.file === null ? join(root, 'config', 'settings.yaml') : resolve(cwd, input.file);
  const source = await readOrMake(file, input.file === null, root);
  if (!source.ok) return source;

  const shown = shownAs(file, root);
  const checked = checkSettings(source.value.text, shown, venues);
  const base = checked.ok ? checked.value : settingsSchema(venues).parse({});
  const { settings, variables } = withEnvironment(base, env, overrides);
  const rooted = { data: resolve(root, settings.paths.data), logs: resolve(root, settings.paths.logs) };
  const applied = applyOverrides({ ...settings, paths: rooted }, overrides, cwd, venues);
  if (!checked.ok || !applied.ok) {
    return err([...(checked.ok ? [] : checked.error), ...(applied.ok ? [] : applied.error)]);
  }
  if (!recordsAnything(applied.value)) return nothingToRecord(shown, overrides);
  const { text, created } = source.value;
  return ok({ settings: applied.value, file, created, variables, text });
}

function recordsAnything(settings: Settings): boolean {
  return Object.values(settings.venues).some(
    (venue) => venue.enabled && Object.values(venue.feeds).some((feed) => feed?.enabled),
  );
}

function nothingToRecord(shown: string, overrides: Overrides): Loaded<never> {
  const expected = 'at least one enabled venue with an enabled feed';
  if (overrides.feeds !== undefined)
    return err([optionProblem('--feeds', expected, overrides.feeds.join(','))]);
  return err([problem({ file: shown, line: null, column: null, path: 'venues', expected, got: 'none' })]);
}

/** A variable that is empty counts as not set; one that the command line overrules takes no part. */
function withEnvironment(settings: Settings, env: Environment, overrides: Overrides) {
  const paths = { ...settings.paths };
  const variables: string[] = [];
  for (const [key, name] of [
    ['data', 'BTC_TS_DATA_DIR'],
    ['logs', 'BTC_TS_LOGS_DIR'],
  ] as const) {
    const value = env[name];
    if (value === undefined || value === '' || overrides[key] !== undefined) continue;
    paths[key] = value;
    variables.push(name);
  }
  return { settings: { ...settings, paths }, variables };
}

interface SourceText {
  readonly text: string;
  readonly created: boolean;
}

async function readOrMake(file: string, mayMake: boolean, root: string): Promise<Loaded<SourceText>> {
  const found = await readText(file);
  if (found.ok) return ok({ text: found.value, created: false });
  if (!mayMake || found.error.code !== 'ENOENT')
    return unusable(file, root, 'a readable file', found.error.message);

  const model = join(root, 'config', 'settings.default.yaml');
  const text = await readText(model);
  if (!text.ok) return unusable(model, root, 'a readable file', text.error.message);
  const made = await replaceFile(file, text.value);
  if (!made.ok) {
    const expected =
      'a folder where it can be made from settings.default.yaml (or name a file with --config)';
    return unusable(file, root, expected, made.error.message);
  }
  return ok({ text: text.value, created: true });
}

/** The text of a settings file, as `loadSettings` reads it. */
export async function readText(file: string): Promise<Result<string>> {
  try {
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file)));
  } catch (thrown) {
    return err(failureOf(thrown, 'never'));
  }
}

function unusable(file: string, root: string, expected: string, got: string): Loaded<never> {
  return err([problem({ file: shownAs(file, root), line: null, column: null, path: '', expected, got })]);
}

/** Short where it can be: relative to the project root, for a file within it. */
function shownAs(file: string, root: string): string {
  const inside = relative(root, file);
  return inside.startsWith('..') || isAbsolute(inside) ? file : inside;
}
