/** A YAML text with its places: what stands where, so that a problem can point at it. */

import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { SettingsPath } from './problem.ts';

export interface Place {
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export interface SyntaxProblem extends Place {
  readonly path: SettingsPath;
  readonly message: string;
}

export interface SettingsDocument {
  /** The plain value; undefined when the text is so broken that it has none. */
  readonly value: unknown;
  readonly problems: readonly SyntaxProblem[];
  /** Where a path's value stands (`key`: its key); of a path that does not exist, its nearest parent. */
  placeOf(path: SettingsPath, part: 'key' | 'value'): Place;
}

/** Reads YAML 1.2. Duplicate keys leave a value to be judged further; any other error leaves none. */
export function readDocument(text: string): SettingsDocument {
  const counter = new LineCounter();
  // Pretty errors quote the line at fault, and with it whatever secret stands there.
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const place = (offset: number): Place => {
    const { line, col } = counter.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };

  const found = [...document.errors, ...document.warnings];
  const problems: SyntaxProblem[] = found.map((error) => ({
    ...place(error.pos[0]),
    path: error.code === 'DUPLICATE_KEY' ? pathAt(document, error.pos[0]) : [],
    message: error.code === 'DUPLICATE_KEY' ? 'each key once' : plain(error.message),
  }));
  let value: unknown;
  if (found.every((error) => error.code === 'DUPLICATE_KEY')) {
    try {
      value = document.toJS();
    } catch (thrown) {
      // An alias without its anchor, or aliases that multiply without end.
      const message = plain(thrown instanceof Error ? thrown.message : String(thrown));
      problems.push({ ...place(firstAlias(document)), path: [], message });
    }
  }
  return { value, problems, placeOf: (path, part) => place(offsetOf(document, path, part)) };
}

/** One line, without the parser's advice to programmers. */
function plain(message: string): string {
  return (message.split(/[\n;]/)[0] ?? '').trim();
}

function offsetOf(document: Document, path: SettingsPath, part: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = start(node) ?? 0;
  path.forEach((step, index) => {
    if (isAlias(node)) node = node.resolve(document);
    const last = index === path.length - 1;
    if (isMap(node)) {
      const pair = node.items.find((item) => keyOf(item.key) === String(step));
      node = pair?.value;
      offset = (last && part === 'key' ? start(pair?.key) : start(node)) ?? start(pair?.key) ?? offset;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = start(node) ?? offset;
    } else {
      node = undefined;
    }
  });
  return offset;
}

/** The path of the key that begins at an offset. */
function pathAt(document: Document, offset: number): SettingsPath {
  let path: SettingsPath = [];
  visit(document, {
    Pair(_, pair, parents) {
      if (start(pair.key) !== offset) return undefined;
      path = [...parents.flatMap(step), keyOf(pair.key)];
      return visit.BREAK;
    },
  });
  return path;

  function step(parent: unknown, index: number, parents: readonly unknown[]): SettingsPath {
    if (isPair(parent)) return [keyOf(parent.key)];
    const child = parents[index + 1];
    return isSeq(parent) && child !== undefined ? [parent.items.indexOf(child)] : [];
  }
}

function firstAlias(document: Document): number {
  let offset = 0;
  visit(document, {
    Alias(_, alias) {
      offset = start(alias) ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key);
}

function start(node: unknown): number | undefined {
  return isNode(node) ? (node as Node).range?.[0] : undefined;
}
