import { describe, expect, test } from 'vitest';
import {
  circles,
  environment,
  floors,
  opening,
  packages,
  rules,
  type SourceFile,
  size,
  targets,
  threads,
  topFolders,
  venueFolders,
} from './architecture.ts';

/** A small tree that keeps every rule. */
const HEALTHY: Readonly<Record<string, string>> = {
  'src/core/event.ts': 'export type E = 1;\n',
  'src/core/book.ts': "import type { E } from './event.ts';\n",
  'src/venues/registry.ts': "import { x } from './x/index.ts';\n",
  'src/venues/x/index.ts': "import { z } from 'zod';\nimport { map } from './map.ts';\n",
  'src/venues/x/wire.ts': "import { z } from 'zod';\n",
  'src/venues/x/map.ts': "import type { E } from '../../core/event.ts';\n",
  'src/venues/x/dial.ts': '',
  'src/venues/x/rest.ts': '',
  'src/venues/x/history.ts': '',
  'src/venues/x/sim.ts': '',
  'src/venues/x/sim-rest.ts': '',
  'src/venues/x/sim-faults.ts': '',
  'src/io/http.ts':
    "import { open } from 'node:fs';\nconst at = import.meta.resolve('ccxt');\nawait import(at);\n",
  'src/flow/rows.ts': "// process.env and import '../io/http.ts' in words\nimport '../core/event.ts';\n",
  'src/runtime/thread.ts': "import { Worker } from 'node:worker_threads';\n",
  'src/runtime/lock.ts': "import '../io/http.ts';\n",
  'src/sim/server.ts': "import { WebSocketServer } from 'ws';\nimport '../venues/registry.ts';\n",
  'config/load.ts':
    "import { VENUES } from '../src/venues/registry.ts';\nconst { env } = process;\nprocess.env.X;\n",
  'src/apps/collector.ts': "import '../runtime/thread.ts';\nimport '../../config/load.ts';\n",
  'workers/fetcher.ts': "import { parentPort } from 'node:worker_threads';\nimport '../src/flow/rows.ts';\n",
  'ops/cli.ts': `import { run } from '../src/apps/collector.ts';\nnew URL(\`../workers/fetcher\${e}\`, import.meta.url);\n`,
  'test/a.test.ts':
    "import '../src/core/event.ts';\nimport { Worker } from 'node:worker_threads';\nprocess.env.X;\n",
};

/** The healthy tree with some files replaced, added or (null) taken away. */
function tree(changes: Readonly<Record<string, string | null>> = {}): readonly SourceFile[] {
  return Object.entries({ ...HEALTHY, ...changes }).flatMap(([path, text]) =>
    text === null ? [] : [{ path, text }],
  );
}

test.each(rules([]))('a healthy tree passes: %s', (_, rule) => expect(rule(tree())).toEqual([]));

describe('each rule, broken once', () => {
  const may = 'src/core, src/venues, src/io, src/flow';

  test.each([
    [
      'src/core/a.ts',
      "import '../io/http.ts'",
      '1 imports src/io/http.ts: src/core may import nothing of ours beside itself',
    ],
    [
      'src/venues/x/a.ts',
      "\nimport '../../io/http.ts'",
      '2 imports src/io/http.ts: src/venues may import only src/core beside itself',
    ],
    [
      'src/io/a.ts',
      "export * from '../flow/rows.ts'",
      '1 imports src/flow/rows.ts: src/io may import only src/core beside itself',
    ],
    [
      'src/flow/a.ts',
      "type V = import('../venues/registry.ts').V",
      '1 imports src/venues/registry.ts: src/flow may import only src/core beside itself',
    ],
    [
      'src/sim/a.ts',
      "import type { S } from '../../config/load.ts'",
      `1 imports config/load.ts: src/sim may import only ${may} beside itself`,
    ],
    [
      'src/sim/a.ts',
      "await import('../runtime/lock.ts')",
      `1 imports src/runtime/lock.ts: src/sim may import only ${may} beside itself`,
    ],
    [
      'config/a.ts',
      "import '../src/apps/collector.ts'",
      `1 imports src/apps/collector.ts: config may import only ${may} beside itself`,
    ],
    [
      'src/runtime/a.ts',
      "new URL('../../workers/fetcher.ts', import.meta.url)",
      `1 imports workers/fetcher.ts: src/runtime may import only ${may}, config beside itself`,
    ],
    [
      'src/apps/a.ts',
      "import '../../ops/cli.ts'",
      `1 imports ops/cli.ts: src/apps may import only ${may}, src/runtime, src/sim, config beside itself`,
    ],
    [
      'ops/a.ts',
      "import '../workers/fetcher.ts'",
      `1 imports workers/fetcher.ts: ops may import only ${may}, src/runtime, src/sim, config, src/apps beside itself`,
    ],
    [
      'workers/a.ts',
      "import '../test/a.test.ts'",
      `1 imports test/a.test.ts: workers may import only ${may}, src/runtime, src/sim, config beside itself`,
    ],
    [
      'src/util/a.ts',
      '',
      '1 lies in no folder of the layout (src/core, src/venues, src/io, src/flow, src/runtime, src/sim, config, src/apps, workers, ops)',
    ],
  ])('floors: %s %j', (path, text, expected) => {
    expect(floors(tree({ [path]: text }))).toEqual([`${path}:${expected}`]);
  });

  test('circles, of types too, and of a file with itself', () => {
    const broken = tree({
      'src/core/event.ts': "import type { B } from './book.ts';\n",
      'src/core/book.ts': "\nimport type { T } from './time.ts';\n",
      'src/core/time.ts': "import type { B } from './book.ts';\n",
      'src/io/own.ts': "import './own.ts';\n",
    });
    expect(circles(broken)).toEqual([
      'src/core/time.ts:1 closes a circle of imports: src/core/book.ts -> src/core/time.ts -> src/core/book.ts',
      'src/io/own.ts:1 closes a circle of imports: src/io/own.ts -> src/io/own.ts',
    ]);
  });

  test('size', () => {
    const lines = (count: number) => tree({ 'src/io/long.ts': 'x;\n'.repeat(count) });
    expect(size(lines(300))).toEqual([]);
    expect(size(lines(301))).toEqual(['src/io/long.ts:301 has 301 lines: no file has more than 300']);
  });

  test('venue folders', () => {
    const all = 'wire.ts, map.ts, dial.ts, rest.ts, history.ts, sim.ts, sim-rest.ts, sim-faults.ts, index.ts';
    const extra = { 'src/venues/x/sign.ts': '' };
    const broken = tree({ ...extra, 'src/venues/x/sim.ts': null });
    expect(venueFolders([])(broken)).toEqual([
      `src/venues/x/sim.ts:1 is missing: every venue folder has ${all}`,
      `src/venues/x/sign.ts:1 is one file more than every venue folder has (${all})`,
    ]);
    expect(venueFolders(['src/venues/x/sign.ts'])(tree(extra))).toEqual([]);
  });

  test('the registry', () => {
    const registry = (text: string) => venueFolders([])(tree({ 'src/venues/registry.ts': text }));
    const once = 'each venue is named once';
    expect(registry('')).toEqual([`src/venues/registry.ts:1 does not name src/venues/x: ${once}`]);
    expect(registry("import './x/index.ts';\nimport './x/map.ts';")).toEqual([
      `src/venues/registry.ts:2 names src/venues/x again: ${once}`,
    ]);
  });

  test.each([
    ['src/apps/a.ts', "import 'node:worker_threads'", 'worker_threads'],
    ['src/io/a.ts', "import { Piscina } from 'piscina'", 'piscina'],
    ['src/runtime/a.ts', "import type { Worker } from 'worker_threads'", 'worker_threads'],
  ])('threads: %s %j', (path, text, name) => {
    const may = 'src/runtime/thread.ts, src/runtime/compressor.ts, workers/fetcher.ts, workers/compress.ts';
    expect(threads(tree({ [path]: text }))).toEqual([`${path}:1 imports ${name}: only ${may} may`]);
  });

  test.each([
    'process.env.HOME',
    'globalThis.process?.env',
    "process['env']",
    'const { env } = process',
    'const { pid, env: e } = globalThis.process',
    "import { env } from 'node:process'",
    `const s = \`\${process.env.HOME}\``,
  ])('process.env: %s', (text) => {
    expect(environment(tree({ 'ops/a.ts': `\n${text}` }))).toEqual([
      'ops/a.ts:2 reads process.env: only config/load.ts may',
    ]);
  });

  const places = 'src/io/, src/sim/, config/load.ts, ops/, src/apps/';
  test.each([
    [
      'src/runtime/a.ts',
      "import 'node:fs/promises'",
      `imports fs/promises, which opens files or sockets: only ${places} may`,
    ],
    ['config/a.ts', "import 'node:net'", `imports net, which opens files or sockets: only ${places} may`],
    [
      'workers/a.ts',
      "import { WebSocket } from 'ws'",
      `imports ws, which opens files or sockets: only ${places} may`,
    ],
    [
      'src/runtime/a.ts',
      "import { request } from 'http'",
      `imports http, which opens files or sockets: only ${places} may`,
    ],
    [
      'src/flow/a.ts',
      "import 'node:path'",
      'imports node:path: src/core, src/venues, src/flow use nothing of Node',
    ],
    [
      'src/venues/x/a.ts',
      "import 'crypto'",
      'imports node:crypto: src/core, src/venues, src/flow use nothing of Node',
    ],
    [
      'src/core/a.ts',
      "import type { X } from 'node:fs'",
      'imports node:fs: src/core, src/venues, src/flow use nothing of Node',
    ],
  ])('opening: %s %j', (path, text, expected) => {
    expect(opening(tree({ [path]: text }))).toEqual([`${path}:1 ${expected}`]);
  });

  test.each([
    ['src/core/a.ts', "import type { z } from 'zod'", 'imports zod: src/core imports no package'],
    ['src/venues/x/a.ts', "import type { Exchange } from 'ccxt'", 'imports ccxt: only src/io may'],
    ['ops/a.ts', "import.meta.resolve('ccxt')", 'imports ccxt: only src/io may'],
    ['src/apps/a.ts', "await import('ccxt/js/src/okx.js')", 'imports ccxt: only src/io may'],
  ])('packages: %s %j', (path, text, expected) => {
    expect(packages(tree({ [path]: text }))).toEqual([`${path}:1 ${expected}`]);
  });

  test('top-level folders', () => {
    expect(topFolders(['src', 'scratch'], ['src', 'test'])).toEqual([
      'scratch/ is no folder of the layout: at the top are only src, test',
    ]);
  });

  test.each([
    ['src/io/a.ts', "import './http'", 'imports ./http: a relative import ends in .ts'],
    ['src/io/a.ts', "import './http.js'", 'imports ./http.js: a relative import ends in .ts'],
    ['src/io/a.ts', "import '../io/gone.ts'", 'imports ../io/gone.ts: there is no src/io/gone.ts'],
    ['test/b.test.ts', "import '../src/gone.ts'", 'imports ../src/gone.ts: there is no src/gone.ts'],
    [
      'src/runtime/a.ts',
      `new URL(\`../../workers/gone\${e}\`, import.meta.url)`,
      'imports ../../workers/gone*: there is no workers/gone*',
    ],
    [
      'src/apps/a.ts',
      'await import(name)',
      'imports a computed name: only src/io may, since no rule can follow it',
    ],
  ])('targets: %s %j', (path, text, expected) => {
    expect(targets(tree({ [path]: text }))).toEqual([`${path}:1 ${expected}`]);
  });
});
