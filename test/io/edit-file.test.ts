import { chmod, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { err, failure, ok } from '../../src/core/result.ts';
import { editFile } from '../../src/io/edit-file.ts';
import { removeFolder, tempFolder } from '../support/files.ts';

let root: string;
let file: string;
beforeEach(async () => {
  root = await tempFolder();
  file = join(root, 'settings.yaml');
});
afterEach(() => removeFolder(root));

const shout = (text: string) => ok(text.replace('a', 'A'));

test('what is not edited stays, byte for byte, and so do the rights', async () => {
  await writeFile(file, '\uFEFFa: é\r\n\r\n');
  await chmod(file, 0o640);
  expect(await editFile(file, shout)).toEqual({ ok: true, value: undefined });
  expect(await readFile(file, 'utf8')).toBe('\uFEFFA: é\r\n\r\n');
  expect((await stat(file)).mode & 0o777).toBe(0o640);
  expect(await readdir(root)).toEqual(['settings.yaml']);
});

test('of a link, the file that it leads to is edited', async () => {
  await writeFile(join(root, 'real'), 'a');
  await symlink('real', file);
  expect((await editFile(file, shout)).ok).toBe(true);
  expect(await readFile(join(root, 'real'), 'utf8')).toBe('A');
  expect((await readdir(root)).sort()).toEqual(['real', 'settings.yaml']);
});

test('a file that another changes at the same moment is his', async () => {
  await writeFile(file, 'a');
  const { writeFileSync } = await import('node:fs');
  const edited = await editFile(file, (text) => {
    writeFileSync(file, 'his');
    return shout(text);
  });
  expect(edited).toMatchObject({ ok: false, error: { code: 'changed' } });
  expect(await readFile(file, 'utf8')).toBe('his');
});

test('an edit that fails, a file that is not there, and bytes that are no text', async () => {
  expect(await editFile(file, shout)).toMatchObject({ ok: false, error: { code: 'ENOENT' } });
  await writeFile(file, 'a');
  const refused = await editFile(file, () => err(failure('other_mode', 'no')));
  expect(refused).toMatchObject({ ok: false, error: { code: 'other_mode' } });
  await writeFile(file, Buffer.from([0x61, 0xff]));
  expect((await editFile(file, shout)).ok).toBe(false);
  expect(await readFile(file)).toEqual(Buffer.from([0x61, 0xff]));
});
