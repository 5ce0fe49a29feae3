/**
 * The rules of the architecture (DESIGN 3) over a list of files, so that each can be shown a tree that breaks it.
 * A violation reads `src/flow/rows.ts:3 …` and says in plain words what is not allowed.
 */

import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { codeOnly, type Import, importsOf, lineOf } from './imports.ts';

export interface SourceFile {
  /** Relative to the project root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export type Rule = (files: readonly SourceFile[]) => readonly string[];

/** Product code; tests may use anything. */
const PRODUCT = ['src', 'workers', 'config', 'ops'];

/**
 * What each folder may import beside itself. `apps` are what `ops` offers as commands. `runtime` and `config` share a
 * floor: the runtime is given settings and so knows their types; config knows nothing of the runtime.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/core': [],
  'src/venues': ['src/core'],
  'src/io': ['src/core'],
  'src/flow': ['src/core'],
  'src/runtime': ['src/core', 'src/venues', 'src/io', 'src/flow', 'config'],
  'src/sim': ['src/core', 'src/venues', 'src/io', 'src/flow'],
  config: ['src/core', 'src/venues', 'src/io', 'src/flow'],
  'src/apps': ['src/core', 'src/venues', 'src/io', 'src/flow', 'src/runtime', 'src/sim', 'config'],
  workers: ['src/core', 'src/venues', 'src/io', 'src/flow', 'src/runtime', 'src/sim', 'config'],
  ops: ['src/core', 'src/venues', 'src/io', 'src/flow', 'src/runtime', 'src/sim', 'config', 'src/apps'],
};

/** Who may name a thread's entry by its URL, which imports nothing; lower floors are given it. */
const MAY_NAME_WORKERS = ['src/apps', 'ops'];
const THREAD_FILES = [
  'src/runtime/thread.ts',
  'src/runtime/compressor.ts',
  'workers/fetcher.ts',
  'workers/compress.ts',
];
const ENVIRONMENT_FILE = 'config/load.ts';
const OPENING = ['fs', 'fs/promises', 'net', 'http', 'https', 'http2', 'tls', 'dgram', 'ws'];
const MAY_OPEN = ['src/io/', 'src/sim/', ENVIRONMENT_FILE, 'ops/', 'src/apps/'];
const NO_BUILTINS = ['src/core', 'src/venues', 'src/flow'];
const MAX_LINES = 300;
const VENUE_FILES = [
  'wire.ts',
  'map.ts',
  'dial.ts',
  'rest.ts',
  'history.ts',
  'sim.ts',
  'sim-rest.ts',
  'sim-faults.ts',
  'index.ts',
];
/** Any exchange that ccxt knows: it is polled in ccxt's words alone, so there is no wire, and nothing to simulate. */
const GENERIC = 'src/venues/ccxt';
const GENERIC_FILES = ['rest.ts', 'index.ts'];
const REGISTRY = 'src/venues/registry.ts';

interface Edge extends Import {
  readonly from: string;
  /** The path of a relative import; null for a package and a computed name. */
  readonly target: string | null;
}

/** All rules over the files, by name. `extraVenueFiles`: what single venues have beyond those of every venue. */
export function rules(extraVenueFiles: readonly string[]): readonly (readonly [string, Rule])[] {
  return [
    ['floors and islands', floors],
    ['no circles, types included', circles],
    [`no file above ${MAX_LINES} lines`, size],
    ['venue folders alike, one registry line each', venueFolders(extraVenueFiles)],
    ['threads in few files', threads],
    ['process.env in one file', environment],
    ['files and sockets opened in few places', opening],
    ['ccxt behind io, core without packages', packages],
    ['relative imports end in .ts and exist', targets],
  ];
}

/** (a) Each folder imports only lower floors; islands never one another; nobody an entry or a test. */
export const floors: Rule = (files) =>
  product(files).flatMap((file) => {
    const own = folderOf(file.path);
    if (own === null)
      return [`${file.path}:1 lies in no folder of the layout (${Object.keys(MAY_IMPORT).join(', ')})`];
    const allowed = MAY_IMPORT[own] ?? [];
    return edgesOf(file).flatMap(({ kind, target, line }) => {
      if (target === null || (kind === 'url' && !target.endsWith('.ts') && !target.includes('*'))) return [];
      if (kind === 'url' && target.startsWith('workers/') && MAY_NAME_WORKERS.includes(own)) return [];
      const theirs = folderOf(target);
      if (theirs === own || (theirs !== null && allowed.includes(theirs))) return [];
      const may = allowed.length === 0 ? 'nothing of ours' : `only ${allowed.join(', ')}`;
      return [`${file.path}:${line} imports ${target}: ${own} may import ${may} beside itself`];
    });
  });

/** (b) No circles; types count. */
export const circles: Rule = (files) => {
  const edges = new Map(
    files.map((file) => [file.path, edgesOf(file).filter(({ kind }) => kind === 'import')]),
  );
  const finished = new Set<string>();
  const found: string[] = [];
  const walk = (path: string, trail: readonly string[]) => {
    for (const { target, line } of edges.get(path) ?? []) {
      if (target === null || !edges.has(target)) continue;
      const start = [...trail, path].indexOf(target);
      if (start >= 0) {
        const circle = [...trail, path, target].slice(start);
        found.push(`${path}:${line} closes a circle of imports: ${circle.join(' -> ')}`);
      } else if (!finished.has(target)) walk(target, [...trail, path]);
    }
    finished.add(path);
  };
  for (const path of edges.keys()) if (!finished.has(path)) walk(path, []);
  return found;
};

/** (c) A file that needs more lines holds more than one idea. */
export const size: Rule = (files) =>
  product(files).flatMap(({ path, text }) => {
    const lines = text.replace(/\n$/, '').split('\n').length;
    return lines > MAX_LINES
      ? [`${path}:${MAX_LINES + 1} has ${lines} lines: no file has more than ${MAX_LINES}`]
      : [];
  });

/** (d) Every venue folder has the same files and one line in the registry. `extra`: further files, by path. */
export const venueFolders =
  (extra: readonly string[]): Rule =>
  (files) => {
    const paths = files.map((file) => file.path).filter((path) => /^src\/venues\/[^/]+\//.test(path));
    const folders = [...new Set(paths.map((path) => path.split('/').slice(0, 3).join('/')))];
    const registry = files.find((file) => file.path === REGISTRY);
    const registered = registry === undefined ? [] : edgesOf(registry);
    return folders.flatMap((folder) => {
      const names = folder === GENERIC ? GENERIC_FILES : VENUE_FILES;
      const wanted = names.map((name) => `${folder}/${name}`);
      const own = paths.filter((path) => path.startsWith(`${folder}/`));
      const missing = wanted.filter((path) => !own.includes(path));
      const surplus = own.filter((path) => !wanted.includes(path) && !extra.includes(path));
      const lines = registered
        .filter(({ target }) => target?.startsWith(`${folder}/`))
        .map(({ line }) => line);
      return [
        ...missing.map((path) => `${path}:1 is missing: every venue folder has ${VENUE_FILES.join(', ')}`),
        ...surplus.map(
          (path) => `${path}:1 is one file more than every venue folder has (${VENUE_FILES.join(', ')})`,
        ),
        ...(lines.length === 0 ? [`${REGISTRY}:1 does not name ${folder}: each venue is named once`] : []),
        ...lines
          .slice(1)
          .map((line) => `${REGISTRY}:${line} names ${folder} again: each venue is named once`),
      ];
    });
  };

/** (e) Threads are visible in few files. */
export const threads: Rule = (files) =>
  packagesUsed(files).flatMap(({ from, line, name }) =>
    ['worker_threads', 'piscina'].includes(name) && !THREAD_FILES.includes(from)
      ? [`${from}:${line} imports ${name}: only ${THREAD_FILES.join(', ')} may`]
      : [],
  );

const ENVIRONMENT =
  /\bprocess\s*(?:\?\.|\.)\s*env\b|\bprocess\s*(?:\?\.)?\s*\[|\{[^{};]*\benv\b[^{};]*\}\s*=\s*(?:globalThis\s*\.\s*)?process\b/g;

/** (f) The environment is read in one file, and given to all others. */
export const environment: Rule = (files) =>
  product(files)
    .filter(({ path }) => path !== ENVIRONMENT_FILE)
    .flatMap((file) => {
      const reads = [...codeOnly(file.text).matchAll(ENVIRONMENT)].map((match) =>
        lineOf(file.text, match.index),
      );
      const imports = edgesOf(file)
        .filter(({ specifier, clause }) => nameOf(specifier) === 'process' && /\benv\b/.test(clause))
        .map(({ line }) => line);
      return [...reads, ...imports].map(
        (line) => `${file.path}:${line} reads process.env: only ${ENVIRONMENT_FILE} may`,
      );
    });

/** (g) Files and sockets are opened in few places; words, venues and flow use no part of Node. */
export const opening: Rule = (files) =>
  packagesUsed(files).flatMap(({ from, line, name }) => {
    const folder = folderOf(from) ?? '';
    if (NO_BUILTINS.includes(folder) && isBuiltin(name)) {
      return [`${from}:${line} imports node:${name}: ${NO_BUILTINS.join(', ')} use nothing of Node`];
    }
    if (!OPENING.includes(name) || MAY_OPEN.some((place) => from === place || from.startsWith(place)))
      return [];
    return [`${from}:${line} imports ${name}, which opens files or sockets: only ${MAY_OPEN.join(', ')} may`];
  });

/** (h) ccxt stays behind io; core needs no package. */
export const packages: Rule = (files) =>
  packagesUsed(files).flatMap(({ from, line, name }) => {
    if (from.startsWith('src/core/') && !isBuiltin(name))
      return [`${from}:${line} imports ${name}: src/core imports no package`];
    return /^ccxt(\/|$)/.test(name) && !from.startsWith('src/io/')
      ? [`${from}:${line} imports ccxt: only src/io may`]
      : [];
  });

/** (i) `folders`: the names at the top of the tree. */
export function topFolders(folders: readonly string[], allowed: readonly string[]): readonly string[] {
  return folders
    .filter((folder) => !allowed.includes(folder))
    .map((folder) => `${folder}/ is no folder of the layout: at the top are only ${allowed.join(', ')}`);
}

/** (j) Relative imports end in .ts and exist; a computed name, which no rule can follow, only in src/io (ccxt). */
export const targets: Rule = (files) => {
  const known = files.map((file) => file.path);
  return files.flatMap((file) =>
    edgesOf(file).flatMap(({ kind, specifier, target, line }) => {
      const place = `${file.path}:${line}`;
      if (specifier === null) {
        const follows = file.path.startsWith('src/io/') || folderOf(file.path) === null;
        return follows
          ? []
          : [`${place} imports a computed name: only src/io may, since no rule can follow it`];
      }
      if (target === null) return [];
      const isSource = target.endsWith('.ts') || target.includes('*');
      if (kind === 'url' && !isSource) return [];
      if (!isSource) return [`${place} imports ${specifier}: a relative import ends in .ts`];
      return exists(known, target) ? [] : [`${place} imports ${specifier}: there is no ${target}`];
    }),
  );
};

function exists(known: readonly string[], target: string): boolean {
  const [before = '', after = ''] = target.split('*');
  return target.includes('*')
    ? known.some((path) => path.startsWith(before) && path.endsWith(after))
    : known.includes(target);
}

function product(files: readonly SourceFile[]): readonly SourceFile[] {
  return files.filter(({ path }) => PRODUCT.includes(path.split('/')[0] ?? ''));
}

/** The folder of the layout that a path lies in; null when in none. */
function folderOf(path: string): string | null {
  return Object.keys(MAY_IMPORT).find((folder) => path.startsWith(`${folder}/`)) ?? null;
}

function edgesOf({ path, text }: SourceFile): readonly Edge[] {
  return importsOf(text).map((each) => {
    const relative = each.specifier?.startsWith('.') ?? false;
    const target = relative ? posix.join(posix.dirname(path), each.specifier ?? '') : null;
    return { ...each, from: path, target };
  });
}

function packagesUsed(files: readonly SourceFile[]) {
  return product(files)
    .flatMap(edgesOf)
    .flatMap(({ from, line, specifier, target, kind }) =>
      specifier === null || target !== null || kind === 'url'
        ? []
        : [{ from, line, name: nameOf(specifier) }],
    );
}

function nameOf(specifier: string | null): string {
  return (specifier ?? '').replace(/^node:/, '');
}
