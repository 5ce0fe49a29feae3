/**
 * What a TypeScript text imports, found lexically: TypeScript 7 has no compiler API. Comments and the insides of
 * strings, templates and regular expressions are blanked first, so that nothing in them is taken for code.
 */

export interface Import {
  /**
   * `import`: static (types too), re-export, dynamic or `import type`. `url`: `new URL('…', import.meta.url)`.
   * `resolve`: `require('…')`, `require.resolve('…')` or `import.meta.resolve('…')`.
   */
  readonly kind: 'import' | 'url' | 'resolve';
  /** As written; each `${…}` of a template is `*`. Null: a dynamic import of a computed name. */
  readonly specifier: string | null;
  /** From 1. */
  readonly line: number;
  /** Between `import` or `export` and `from`; else empty. */
  readonly clause: string;
}

const FROM = /(?<![.\w$])(?:import|export)\b(?<clause>[^;'"`()=]*?)\bfrom\s*(?=['"])/g;
const BARE = /(?<![.\w$])import\s*(?=['"])/g;
const DYNAMIC = /(?<![.\w$])import\s*\(\s*/g;
const URLS = /\bnew\s+URL\s*\(\s*(?=['"`])/g;
const RESOLVE = /(?:\bimport\.meta\.resolve|(?<![.\w$])require(?:\.resolve)?)\s*\(\s*(?=['"`])/g;

export function importsOf(text: string): readonly Import[] {
  const code = codeOnly(text);
  const found: (Import & { readonly at: number })[] = [];
  const add = (match: RegExpMatchArray, kind: Import['kind']) => {
    const at = (match.index ?? 0) + match[0].length;
    const clause = match.groups?.clause?.trim() ?? '';
    const specifier = literalAt(text, code, at)?.value ?? null;
    found.push({ kind, specifier, line: lineOf(text, at), clause, at });
  };
  for (const match of code.matchAll(FROM)) add(match, 'import');
  for (const match of code.matchAll(BARE)) add(match, 'import');
  for (const match of code.matchAll(DYNAMIC)) add(match, 'import');
  for (const match of code.matchAll(RESOLVE)) add(match, 'resolve');
  for (const match of code.matchAll(URLS)) {
    const end = literalAt(text, code, match.index + match[0].length)?.end ?? match.index;
    if (/^\s*,\s*import\.meta\.url\b/.test(code.slice(end))) add(match, 'url');
  }
  return found.sort((a, b) => a.at - b.at).map(({ at: _, ...each }) => each);
}

/** The line of an offset, from 1. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** The string or template that begins at an offset; null when something else does. */
function literalAt(text: string, code: string, at: number): { value: string; end: number } | null {
  const quote = code[at];
  if (quote !== '"' && quote !== "'" && quote !== '`') return null;
  const close = code.indexOf(quote, at + 1);
  if (close < 0) return null;
  return { value: text.slice(at + 1, close).replace(/\$\{[^}]*\}/g, '*'), end: close + 1 };
}

/** The same text, of the same length and lines, with all that is not code blanked. Quotes stay. */
export function codeOnly(text: string): string {
  const out = text.split('');
  // Braces open within each `${` that is open.
  const depths: number[] = [];
  const blank = (from: number, to: number) => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' ';
  };

  let at = 0;
  while (at < text.length) {
    const char = text[at];
    const depth = depths.at(-1);
    let next = at + 1;
    if (text.startsWith('//', at)) {
      next = indexOr(text, '\n', at);
      blank(at, next);
    } else if (text.startsWith('/*', at)) {
      next = Math.min(text.length, indexOr(text, '*/', at + 2) + 2);
      blank(at, next);
    } else if (char === '"' || char === "'") {
      next = closing(text, at + 1, (i) => text[i] === char || text[i] === '\n') + 1;
      blank(at + 1, next - 1);
    } else if (char === '`' || (char === '}' && depth === 0)) {
      if (char === '}') depths.pop();
      const end = closing(text, at + 1, (i) => text[i] === '`' || text.startsWith('${', i));
      blank(at + 1, end);
      if (text[end] === '$') depths.push(0);
      next = text[end] === '$' ? end + 2 : end + 1;
    } else if (char === '/' && beginsRegex(out, at)) {
      next = regexEnd(text, at);
      blank(at + 1, next - 1);
    } else if (depth !== undefined && (char === '{' || char === '}')) {
      depths[depths.length - 1] = depth + (char === '{' ? 1 : -1);
    }
    at = next;
  }
  return out.join('');
}

function indexOr(text: string, what: string, from: number): number {
  const index = text.indexOf(what, from);
  return index < 0 ? text.length : index;
}

/** The first offset that ends a literal; what a backslash stands before never does. */
function closing(text: string, from: number, ends: (offset: number) => boolean): number {
  let at = from;
  while (at < text.length && !ends(at)) at += text[at] === '\\' ? 2 : 1;
  return Math.min(at, text.length);
}

function regexEnd(text: string, from: number): number {
  let inClass = false;
  const end = closing(text, from + 1, (i) => {
    if (text[i] === '[') inClass = true;
    if (text[i] === ']') inClass = false;
    return text[i] === '\n' || (text[i] === '/' && !inClass);
  });
  return Math.min(end + 1, text.length);
}

const BEFORE_REGEX = new Set([
  'return',
  'typeof',
  'case',
  'in',
  'of',
  'do',
  'else',
  'void',
  'delete',
  'await',
  'yield',
]);

/** A slash after a value divides; after an operator, or a word that takes a value, it begins a regular expression. */
function beginsRegex(out: readonly string[], at: number): boolean {
  let end = at - 1;
  while (end >= 0 && /\s/.test(out[end] ?? '')) end--;
  const last = out[end];
  if (last === undefined) return true;
  if (!/[\w$]/.test(last)) return !`)]}"'\``.includes(last);
  let start = end;
  while (start > 0 && /[\w$]/.test(out[start - 1] ?? '')) start--;
  return BEFORE_REGEX.has(out.slice(start, end + 1).join(''));
}
