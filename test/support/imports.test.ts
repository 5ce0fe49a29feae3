import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOnly, importsOf } from './imports.ts';

const specifiers = (text: string) =>
  importsOf(text).map(({ kind, specifier, line }) => `${line} ${kind} ${specifier}`);

describe('importsOf', () => {
  test.each([
    ["import { a } from './a.ts';", ['1 import ./a.ts']],
    ["import type { A } from './a.ts';", ['1 import ./a.ts']],
    ["import a, * as b from 'pkg';", ['1 import pkg']],
    ["import './effect.ts';", ['1 import ./effect.ts']],
    ["import {\n  a, // from 'nowhere'\n  b,\n} from\n  './a.ts'", ['5 import ./a.ts']],
    ["export { a } from './a.ts'", ['1 import ./a.ts']],
    ["export * from './a.ts'", ['1 import ./a.ts']],
    ["export type { A } from './a.ts'", ['1 import ./a.ts']],
    ["const m = await import('./a.ts')", ['1 import ./a.ts']],
    ['const m = await import(\n  `./a.ts`\n)', ['2 import ./a.ts']],
    ["type A = import('./a.ts').A", ['1 import ./a.ts']],
    ['await import(name)', ['1 import null']],
    [`await import(\`./\${name}.ts\`)`, ['1 import ./*.ts']],
    ["new URL('./w.ts', import.meta.url)", ['1 url ./w.ts']],
    [`new URL(\`../w\${ending}\`, import.meta.url)`, ['1 url ../w*']],
    ["new URL('./w.ts', base)", []],
    ["import.meta.resolve('ccxt')", ['1 resolve ccxt']],
    ["require('fs'); require.resolve('ccxt')", ['1 resolve fs', '1 resolve ccxt']],
    [
      `const x = \`\${await import('./a.ts')} import './no.ts'\`; import './b.ts'`,
      ['1 import ./a.ts', '1 import ./b.ts'],
    ],
  ])('%s', (text, expected) => expect(specifiers(text)).toEqual(expected));

  test.each([
    "// import './a.ts'",
    "/* import './a.ts'\n import './b.ts' */",
    'const s = "import \'./a.ts\'"',
    "const s = 'it\\'s import \"./a.ts\"'",
    "const s = `import './a.ts' \\` import './b.ts'`",
    "const r = /import '.\\/a.ts'/",
    "const r = x.match(/[/'\"]import('a')/)",
    "const r = /[/] import 'a'/",
    "Array.from('abc'); rx.import('a'); from('rxjs')",
    "const half = total / 2; // import './a.ts' /",
  ])('finds nothing in %s', (text) => expect(specifiers(text)).toEqual([]));

  test.each([
    ["const r = /['\"`]/; import './a.ts'"],
    ["return /`/.test(x); import './a.ts'"],
    ["const q = a / b / c; import './a.ts'"],
    [`const o = { t: \`{ \${f({ a: \`}\` })} '\` }; import './a.ts'`],
    ["const s = '//'; import './a.ts'"],
  ])('is not thrown off by %s', (text) => expect(specifiers(text)).toEqual(['1 import ./a.ts']));
});

test('codeOnly keeps the length and the lines of any text', () => {
  const bits = fc.constantFrom(
    '"',
    "'",
    '`',
    `\${`,
    '}',
    '{',
    '/',
    '//',
    '/*',
    '*/',
    '\\',
    '\n',
    'a',
    ' ',
    '=',
    '[',
    ']',
  );
  fc.assert(
    fc.property(fc.array(bits, { maxLength: 40 }), (parts) => {
      const text = parts.join('');
      const code = codeOnly(text);
      expect(code.length).toBe(text.length);
      expect(code.replace(/[^\n]/g, '')).toBe(text.replace(/[^\n]/g, ''));
    }),
  );
});
