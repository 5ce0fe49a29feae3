/** A settings text to settings, or to all that is wrong with it. */

import type { z } from 'zod';
import { err, ok, type Result } from '../src/core/result.ts';
import { readDocument } from './document.ts';
import { withGeneric } from './generic.ts';
import {
  oneOfHint,
  pathText,
  problem,
  type SettingsPath,
  type SettingsProblem,
  show,
  showSecret,
} from './problem.ts';
import { jsonSchema, type Settings, settingsSchema, type VenueDeclaration } from './schema.ts';
import { isSecretPlace } from './secrets.ts';

/** `file` is how the text's origin is shown in problems. */
export function checkSettings(
  text: string,
  file: string,
  venues: readonly VenueDeclaration[],
): Result<Settings, readonly SettingsProblem[]> {
  const document = readDocument(text);
  const problems = document.problems.map(({ line, column, path, message }) => {
    const twice = path.length > 0;
    const [expected, got] = twice ? [message, 'it again'] : ['valid YAML', `an error: ${message}`];
    return problem({ file, line, column, path: pathText(path), expected, got });
  });
  if (document.value === undefined) return err(problems);

  const judged = judgeSettings(document.value, venues);
  if (!judged.ok) {
    for (const { path, part, expected, got } of judged.error) {
      const place = document.placeOf(path, part);
      problems.push(problem({ file, ...place, path: pathText(path), expected, got }));
    }
  }
  return judged.ok && problems.length === 0 ? judged : err(inOrder(problems));
}

export interface Complaint {
  readonly path: SettingsPath;
  /** At fault: the key, since nobody knows it, or the value. */
  readonly part: 'key' | 'value';
  readonly expected: string;
  readonly got: string;
}

/** A plain value through the schema; every fault is told, not just the first. */
export function judgeSettings(
  value: unknown,
  venues: readonly VenueDeclaration[],
): Result<Settings, readonly Complaint[]> {
  const all = withGeneric(value, venues);
  const parsed = settingsSchema(all).safeParse(value);
  if (parsed.success) return ok(parsed.data);
  return err(parsed.error.issues.flatMap((issue) => complaintsOf(issue, value, all)));
}

function complaintsOf(
  issue: z.core.$ZodIssue,
  value: unknown,
  venues: readonly VenueDeclaration[],
): readonly Complaint[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  if (issue.code !== 'unrecognized_keys') {
    const shown = isSecretPlace(path) ? showSecret : show;
    return [{ path, part: 'value', expected: issue.message, got: shown(valueAt(value, path)) }];
  }
  const known = knownKeys(path, venues);
  return issue.keys.map((key) => ({
    path: [...path, key],
    part: 'key',
    expected: oneOfHint(key, known),
    got: `the unknown key ${show(key)}`,
  }));
}

function valueAt(value: unknown, path: SettingsPath): unknown {
  return path.reduce<unknown>((at, step) => (isRecord(at) ? at[step] : undefined), value);
}

/** The keys that a mapping may have, read from the JSON Schema: the one public description of the schema. */
function knownKeys(path: SettingsPath, venues: readonly VenueDeclaration[]): readonly string[] {
  let node: unknown = jsonSchema(venues);
  for (const step of path) node = valueAt(node, ['properties', step]);
  const properties = valueAt(node, ['properties']);
  return isRecord(properties) ? Object.keys(properties) : [];
}

function isRecord(value: unknown): value is Readonly<Record<string | number, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** By place, each once: a value can break two checks that expect the same. */
function inOrder(problems: readonly SettingsProblem[]): readonly SettingsProblem[] {
  const once = [...new Map(problems.map((each) => [each.text, each])).values()];
  return once.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}
