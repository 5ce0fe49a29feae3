import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { gunzipMembers, type Tear } from '../../src/io/gunzip.ts';

const TEXTS = ['one', 'two '.repeat(500), '', 'four'];
const MEMBERS = TEXTS.map((text) => gzipSync(text));
const FILE = Buffer.concat(MEMBERS);
/** Where each member begins, and the end. */
const STARTS = [0, 1, 2, 3, 4].map((count) => Buffer.concat(MEMBERS.slice(0, count)).length);

/** Reads bytes that come `size` at a time. */
async function read(bytes: Buffer, size = 7) {
  const got: string[] = [];
  const tears: Tear[] = [];
  async function* source() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  try {
    for await (const member of gunzipMembers(source(), (tear) => tears.push(tear)))
      got.push(member.toString());
    return { got, tears, error: null };
  } catch (thrown) {
    return { got, tears, error: thrown as Error & { code: string } };
  }
}

/** A member with everything that RFC 1952 allows in its header. */
function dressed(text: string): Buffer {
  const plain = gzipSync(text);
  const head = Buffer.from(plain.subarray(0, 10));
  head[3] = 2 | 4 | 8 | 16;
  const extra = Buffer.from([3, 0, 1, 2, 3]);
  return Buffer.concat([
    head,
    extra,
    Buffer.from('name\0comment\0'),
    Buffer.from([9, 9]),
    plain.subarray(10),
  ]);
}

describe('whole files', () => {
  test.each([1, 5, 64, 10_000])('every member, however the bytes come: %i at a time', async (size) => {
    expect(await read(FILE, size)).toEqual({ got: TEXTS.filter(Boolean), tears: [], error: null });
  });

  test('a member that other programs wrote, with a name, a comment and the rest', async () => {
    const file = Buffer.concat([dressed('first'), dressed('second')]);
    expect(await read(file, 3)).toEqual({ got: ['first', 'second'], tears: [], error: null });
  });

  test('nothing', async () => {
    expect(await read(Buffer.alloc(0))).toEqual({ got: [], tears: [], error: null });
  });
});

describe('a file that ends too early', () => {
  test('at any byte: every member before comes out whole, and the place is told', async () => {
    for (let size = 1; size < FILE.length; size++) {
      const { got, tears, error } = await read(FILE.subarray(0, size), 64);
      const whole = STARTS.filter((start) => start <= size).length - 1;
      const offset = STARTS[whole] ?? 0;
      expect(error).toBe(null);
      const before = TEXTS.slice(0, whole).filter(Boolean);
      expect(got.slice(0, before.length)).toEqual(before);
      // What is given of the torn one is its beginning.
      expect((TEXTS[whole] ?? '').startsWith(got.slice(before.length).join(''))).toBe(true);
      expect(tears).toEqual(offset === size ? [] : [{ offset, bytes: size - offset }]);
    }
  });

  test('what could be read of the torn member is given', async () => {
    const { got, tears } = await read(FILE.subarray(0, FILE.length - 1));
    expect([got.at(-1), tears]).toEqual([
      'four',
      [{ offset: STARTS[3], bytes: (MEMBERS[3]?.length ?? 0) - 1 }],
    ]);
  });

  test.each([
    ['in place of a member', Buffer.concat([FILE, Buffer.alloc(5_000)]), STARTS[4]],
    [
      'within a member',
      Buffer.concat([FILE.subarray(0, (STARTS[1] ?? 0) + 20), Buffer.alloc(5_000)]),
      STARTS[1],
    ],
  ])('in nothing but zeros %s, as after a power cut', async (_, file, offset) => {
    const { got, tears, error } = await read(file, 300);
    expect(error).toBe(null);
    expect(got[0]).toBe('one');
    expect(tears).toEqual([{ offset, bytes: file.length - (offset ?? 0) }]);
  });
});

describe('any other damage is an error, after all that stands before it', () => {
  const flipped = (at: number): Buffer => {
    const bytes = Buffer.from(FILE);
    bytes[at] = (bytes[at] ?? 0) ^ 0x55;
    return bytes;
  };

  test.each([
    ['the header of a member', (STARTS[1] ?? 0) + 1],
    ['the inside of a member', (STARTS[1] ?? 0) + 16],
    ['a checksum', (STARTS[2] ?? 0) - 7],
    ['a length', (STARTS[2] ?? 0) - 3],
  ])('%s', async (_, at) => {
    const { got, tears, error } = await read(flipped(at), 10);
    expect([got, tears, error?.code]).toEqual([['one'], [], 'Z_DATA_ERROR']);
  });

  test('bytes that are no gzip behind the last member', async () => {
    const { got, error } = await read(Buffer.concat([FILE, Buffer.from('more')]));
    expect([got.length, error?.code]).toEqual([3, 'Z_DATA_ERROR']);
    expect(error?.message).toBe(`damaged: the gzip member at byte ${FILE.length}: not gzip`);
  });
});
