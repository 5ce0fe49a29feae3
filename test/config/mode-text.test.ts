import { describe, expect, test } from 'vitest';
import { withMode } from '../../config/mode-text.ts';

describe('another mode in the text', () => {
  test.each([
    ['a block', '# mine\nruntime:\n  mode: DIAG # why\n  diag_sec: 5\nvenues: {}\n'],
    ['a flow', 'venues: {}\nruntime: {diag_sec: 5,   mode:   DIAG}\n'],
    ['Windows line ends', '\uFEFFruntime:\r\n  mode: DIAG\r\n# DIAG\r\n'],
    ['quotes', "runtime: { mode: 'DIAG' }"],
    ['double quotes, and a word before', 'a: DIAG\nruntime: { mode: "DIAG" }'],
    ['no line end', 'runtime: { mode: DIAG }'],
    ['a tag', 'runtime: { mode: !!str DIAG }'],
    ['a document mark', '---\nruntime: { mode: DIAG }\n...\n'],
  ])('%s: one word is another, and nothing else', (_, text) => {
    const edited = withMode(text, 'DIAG', 'PROD');
    const at = text.indexOf('DIAG', text.indexOf('mode:'));
    expect(edited).toEqual({ ok: true, value: `${text.slice(0, at)}PROD${text.slice(at + 4)}` });
  });

  test.each([
    ['another mode by now', 'runtime: { mode: DEBUG }'],
    ['none', 'venues: {}'],
    ['no mapping', 'runtime: 7'],
    ['half a file', 'runtime: { mode: DIAG'],
    ['an alias', 'a: &m DIAG\nruntime: { mode: *m }'],
    ['an anchor that others use', 'runtime: { mode: &m DIAG }\nb: *m'],
    ['another spelling of it', 'runtime: { mode: "DI\\u0041G" }'],
  ])('%s: it is left alone', (_, text) => {
    expect(withMode(text, 'DIAG', 'PROD').ok).toBe(false);
  });
});
