import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { rules, type SourceFile, topFolders } from './support/architecture.ts';
import { importsOf } from './support/imports.ts';

/** Files that one venue has beyond those of every venue, each with its reason. */
const EXTRA_VENUE_FILES: readonly string[] = [
  // Its REST has two markets with answers of their own.
  'src/venues/binance/rest-instruments.ts',
];

const TOP = 'src workers config ops data logs test docs .ci dist node_modules .git'.split(' ');

const RULES = rules(EXTRA_VENUE_FILES);

describe('this project', () => {
  const root = fileURLToPath(new URL('../', import.meta.url));
  const files = ['src', 'workers', 'config', 'ops', 'test'].flatMap((folder) => sourcesIn(root, folder));

  test.each(RULES)('%s', (_, rule) => expect(rule(files)).toEqual([]));

  test('top-level folders', () => {
    const entries = readdirSync(root, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    expect(folders).toContain('src');
    expect(topFolders(folders, TOP)).toEqual([]);
  });

  // A check that reads nothing finds nothing wrong.
  test('all of it was read', () => {
    expect(files.map((file) => file.path)).toContain('src/core/event.ts');
    for (const { path, text } of files.filter((file) => !file.path.startsWith('test/'))) {
      const plain = text.match(/^(?:(?:import|export)\b.*|\}) from '[^']+';$|^import '[^']+';$/gm) ?? [];
      const found = importsOf(text).filter(({ kind }) => kind === 'import');
      expect(found.length, path).toBeGreaterThanOrEqual(plain.length);
    }
  });
});

function sourcesIn(root: string, folder: string): readonly SourceFile[] {
  const names = readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' });
  return names
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => ({ path, text: readFileSync(`${root}${path}`, 'utf8') }));
}
