/** Puts another mode into the text of a settings file: that one word, and nothing else. */

import { isDeepStrictEqual } from 'node:util';
import { isScalar, parseDocument } from 'yaml';
import { err, failure, ok, type Result } from '../src/core/result.ts';
import type { Mode } from './schema.ts';

/** Fails where the text does not hold `from` as its `runtime.mode` in so many words. */
export function withMode(text: string, from: Mode, to: Mode): Result<string> {
  const document = parseDocument(text, { prettyErrors: false });
  const node = document.errors.length > 0 ? undefined : document.getIn(['runtime', 'mode'], true);
  const range = isScalar(node) && node.value === from ? node.range : null;
  if (!range) return err(failure('other_mode', `runtime.mode is not ${from} there any more`, 'never'));
  const [start, end] = range;
  const edited = `${text.slice(0, start)}${text.slice(start, end).replace(from, to)}${text.slice(end)}`;
  // An anchor makes it more than one value's word; then nothing is edited.
  const wanted = document.toJS() as { runtime: { mode: Mode } };
  wanted.runtime.mode = to;
  return isDeepStrictEqual(parseDocument(edited).toJS(), wanted)
    ? ok(edited)
    : err(failure('not_alone', 'runtime.mode cannot be edited by itself there', 'never'));
}
