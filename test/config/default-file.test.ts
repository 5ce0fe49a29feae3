import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkSettings } from '../../config/check.ts';
import { settingsSchema } from '../../config/schema.ts';
import { VENUES } from '../../src/venues/index.ts';

const path = fileURLToPath(new URL('../../config/settings.default.yaml', import.meta.url));
const text = await readFile(path, 'utf8');
const defaults = settingsSchema(VENUES).parse({});

test('settings.default.yaml means exactly the defaults', () => {
  expect(checkSettings(text, 'settings.default.yaml', VENUES)).toEqual({ ok: true, value: defaults });
});

test('settings.default.yaml shows every option, but the one whose default is no value', () => {
  const shown = JSON.parse(JSON.stringify(defaults, (key, value) => (key === 'stream' ? undefined : value)));
  expect(parse(text)).toEqual(shown);
});
