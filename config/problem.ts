/** What is wrong with the settings, for the person who wrote them: where, what was expected, what was found. */

export type SettingsPath = readonly (string | number)[];

export interface SettingsProblem {
  /** As shown: relative to the project root where it lies within; null for an option of the command line. */
  readonly file: string | null;
  /** From 1; null where the problem is not at a place in a file. */
  readonly line: number | null;
  readonly column: number | null;
  /** `venues.binance.symbols[0]`, `--venues`, or empty for the file as a whole. */
  readonly path: string;
  readonly expected: string;
  readonly got: string;
  /** One line: `config/settings.yaml:12:5 venues.binance.symbols[0]: expected …, got "…"`. */
  readonly text: string;
}

export function problem(parts: Omit<SettingsProblem, 'text'>): SettingsProblem {
  const { file, line, column, path, expected, got } = parts;
  const place = file === null || line === null ? file : `${file}:${line}:${column ?? 1}`;
  const where = [place, path].filter((part) => part !== null && part !== '').join(' ');
  return { ...parts, text: `${where}: expected ${expected}, got ${got}` };
}

/** A problem of a command line option, or of a value that a command put in place of the file's. */
export function optionProblem(path: string, expected: string, got: unknown): SettingsProblem {
  return problem({ file: null, line: null, column: null, path, expected, got: show(got) });
}

/** `venues.binance.symbols[0]`; a key that would be misread stands in quotes: `venues["a.b"]`. */
export function pathText(path: SettingsPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!/^[\w:-]+$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** A value as found, on one line and short. Of a URL, what may be a secret is left out: user, password, path, query. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  const text = JSON.stringify(value)
    .replace(/:\/\/[^/"\s]*@/g, '://***@')
    .replace(/(:\/\/[^"\s/?#]*\/)[^"\s?#]+/g, '$1***')
    .replace(/(:\/\/[^"\s?#]*[?#])[^"\s]*/g, '$1***');
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** A value where a secret may be, however it was mistyped: its kind and its length alone. */
export function showSecret(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  return typeof value === 'string'
    ? `a text of ${value.length} characters (not shown)`
    : 'a value of another kind';
}

/** `PROD, DEBUG or DIAG` */
export function oneOfText(names: readonly string[]): string {
  const last = names.at(-1) ?? 'nothing';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}

/** What a name should have been, with the one that was probably meant. */
export function oneOfHint(name: string, known: readonly string[]): string {
  const hint = nearest(name, known);
  return `${oneOfText(known)}${hint === null ? '' : ` (did you mean ${JSON.stringify(hint)}?)`}`;
}

/** The known word that a mistyped one is nearest to, within two edits (and less than half of it); else null. */
function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.min(3, Math.ceil(word.length / 2));
  for (const candidate of known) {
    const distance = edits(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Insertions, removals and replacements that make `a` into `b` (Levenshtein). */
function edits(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced));
    }
    above = row;
  }
  return above[b.length] ?? 0;
}
