// Files made to harm, by hand: each costs a FormatError, little memory and little time.
import { describe, expect, it } from 'vitest';
import { FormatError, io, memory, resetPeakMemory } from '../../lib/index.js';
import { liveTensors } from '../support/garbage.js';
import { zip } from './fuzz/mutate.js';

const MAX_MS = 5000;

async function refusal(load: () => Promise<unknown>): Promise<string> {
  const tensors = liveTensors();
  const { live } = memory();
  resetPeakMemory();
  const start = performance.now();
  const error = await load().then(
    () => new Error('the file was accepted'),
    (reason: unknown) => reason,
  );
  expect(performance.now() - start).toBeLessThan(MAX_MS);
  expect(error).toBeInstanceOf(FormatError);
  expect(memory().peak - live).toBeLessThan(2 ** 24);
  expect(liveTensors()).toBe(tensors);
  return (error as FormatError).message;
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const member = (name: string, content: Buffer, deflate = false) => ({ name, content, deflate });
const u32 = (n: number): string => {
  const into = Buffer.alloc(4);
  into.writeUInt32LE(n >>> 0);
  return into.toString('latin1');
};
const text = (value: string): string => `X${u32(value.length)}${value}`;
/** An archive with a pickle, and storage 0 of 16 bytes. */
const archive = (pickle: string, deflate = false): Buffer =>
  zip([member('a/data.pkl', bytes(`\x80\x02${pickle}.`), deflate), member('a/data/0', Buffer.alloc(16))]);
const storage = (count: string, type = 'FloatStorage', key = '0'): string =>
  `(${text('storage')}ctorch\n${type}\n${text(key)}${text('cpu')}${count}tQ`;
const tensor = (offset: string, shape: string, stride: string, from = storage('K\x04')): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${from}${offset}${shape}${stride}\x89)tR`;
const int = (n: number): string => `J${u32(n)}`;
const dict = (value: string): string => `}${text('w')}${value}s`;

describe('a pickle made to harm', () => {
  it('is read where it is none', async () => {
    const good = archive(dict(tensor('K\x00', 'K\x02K\x02\x86', 'K\x02K\x01\x86')));
    expect((await io.loadTorch(good)).w.shape).toEqual([2, 2]);
  });

  it.each<[string, string, RegExp]>([
    ['a function of the system', 'cos\nsystem\n(U\x02lstR', /os\.system, which is not on the list/],
    ['eval', 'cbuiltins\neval\n)R', /builtins\.eval/],
    ['a global by two texts', `${text('os')}${text('system')}\x93`, /os\.system/],
    ['an object with attributes', 'ctorch\nFloatStorage\n}b', /object with attributes/],
    ['a called storage class', 'ctorch\nFloatStorage\n)R', /torch.FloatStorage cannot be called/],
    ['a class left in the data', dict('ctorch\nTensor\n'), /torch.Tensor is no data/],
    ['a list that contains itself', ']q\x00h\x00a', /contains itself/],
    ['a dict that contains itself', `}q\x00${text('x')}h\x00s`, /contains itself/],
    ['deep nesting', `${'('.repeat(50_000)}${'t'.repeat(50_000)}`, /nested deeper than 100/],
    ['a memo that was never set', 'j\xff\xff\xff\x7f', /memo 2147483647 was never set/],
    ['an empty stack', '0', /stack is empty/],
    ['a mark that is missing', 't', /no mark/],
    ['a value from below a mark', 'N(0', /stack is empty/],
    ['a text longer than the file', `X${u32(2 ** 32 - 1)}`, /truncated/],
    ['a text of 2^63 bytes', '\x8d\xff\xff\xff\xff\xff\xff\xff\x7f', /truncated/],
    ['a long integer', `\x8b${u32(2 ** 20)}${'\x01'.repeat(2 ** 20)}`, /integer of 1048576 bytes/],
    ['text that is no UTF-8', `X${u32(1)}\xff`, /not UTF-8/],
    ['a key twice', `}(${text('a')}N${text('a')}Nu`, /key "a" twice/],
    ['two keys that become one', `}(${text('1')}NK\x01Nu`, /both "1"/],
    ['a key that is a list', '}]Ns', /neither text nor a number/],
    ['items for what is no list', 'N(Ne', /no list/],
    ['an instruction that is unknown', '\xfe', /opcode 0xfe/],
    ['an old protocol', '\x80\x01', /protocol 1/],
    // Sixty lists, each with the one before it twice: 2^60 items to whoever copies them.
    ['a laugh in a name', `]${'q\x00]h\x00ah\x00a'.repeat(60)}q\x01ctorch\ndevice\nh\x01\x85R`, /a name is needed/],
    [
      'many copies of a text',
      `${text('x'.repeat(2 ** 20))}q\x00${text('latin1')}q\x01${'c_codecs\nencode\nh\x00h\x01\x86R0'.repeat(100)}`,
      /copies more/,
    ],
    [
      'many copies of a list',
      `](${'N'.repeat(2 ** 20)}eq\x00${'cbuiltins\nset\nh\x00\x85R0'.repeat(100)}`,
      /copies more|too many/,
    ],
    ['millions of dicts', '}0'.repeat(5_000_000), /more than 4194304 objects/],
    ['millions of values', 'N'.repeat(2_000_000), /too many values/],
  ])('%s', async (_, pickle, message) => {
    expect(await refusal(() => io.loadTorchTree(archive(pickle)))).toMatch(message);
  });

  it('may repeat what it has: sixty lists, each with the one before it twice', async () => {
    let value = await io.loadTorchTree(archive(`]${'q\x00]h\x00ah\x00a'.repeat(60)}`));
    for (let depth = 0; depth < 60; depth++) {
      const [left, right] = value as [io.TorchValue, io.TorchValue];
      expect(left).toBe(right);
      value = left;
    }
  });

  const sizes = (...values: number[]): string => `(${values.map(int).join('')}t`;

  it.each<[string, string, RegExp]>([
    ['a negative stride', tensor('K\x03', sizes(4), sizes(-1)), /stride is no tuple of sizes/],
    ['a negative offset', tensor(int(-1), sizes(1), sizes(1)), /offset is no size/],
    ['an offset outside', tensor('K\x04', sizes(1), sizes(1)), /reaches element 4, the storage has 4/],
    ['a stride that leads outside', tensor('K\x00', sizes(2), sizes(4)), /reaches element 4/],
    ['a stride that overflows', tensor('K\x00', sizes(3), `\x8a\x07${'\xff'.repeat(6)}\x1f\x85`), /reaches element/],
    ['a size that is no number', tensor('K\x00', `${text('a')}\x85`, sizes(1)), /size is no tuple of sizes/],
    ['nine axes', tensor('K\x00', sizes(...Array(9).fill(1)), sizes(...Array(9).fill(1))), /9 dimensions/],
    ['more strides than sizes', tensor('K\x00', sizes(1), sizes(1, 1)), /1 sizes, 2 strides/],
    ['2^60 elements out of one', tensor('K\x00', sizes(2 ** 30, 2 ** 30), sizes(0, 0)), /more than the file can hold/],
    [
      '2^62 elements out of none',
      tensor('K\x00', sizes(2 ** 31 - 1, 2 ** 31 - 1, 0), sizes(0, 0, 0)),
      /more than the file/,
    ],
    [
      'a storage of a lying size',
      tensor('K\x00', sizes(1), sizes(1), storage(int(2 ** 30))),
      /has 16 bytes, its tensors need/,
    ],
    [
      'a storage that is missing',
      tensor('K\x00', sizes(1), sizes(1), storage('K\x04', 'FloatStorage', '../0')),
      /missing/,
    ],
    [
      'a storage of an unknown type',
      tensor('K\x00', sizes(1), sizes(1), storage('K\x04', 'QInt8Storage')),
      /QInt8Storage/,
    ],
    ['a bool that is 2', tensor('K\x00', sizes(1), sizes(1), storage('K\x04', 'BoolStorage')), /4 bytes|16 bytes/],
    ['no storage', tensor('K\x00', sizes(1), sizes(1), 'N'), /no storage/],
  ])('%s', async (_, pickle, message) => {
    expect(await refusal(() => io.loadTorch(archive(dict(pickle))))).toMatch(message);
  });

  it('with two sizes for one storage', async () => {
    const two = `}(${text('a')}${tensor('K\x00', sizes(1), sizes(1))}${text('b')}${tensor(int(2 ** 20), sizes(1), sizes(1), storage(int(2 ** 21)))}u`;
    expect(await refusal(() => io.loadTorch(archive(two)))).toMatch(/two sizes|need/);
  });

  it('that unpacks to far more than it is', async () => {
    expect(await refusal(() => io.loadTorchTree(archive('}0'.repeat(2 ** 22), true)))).toMatch(
      /more than any state needs/,
    );
  });
});

describe('an archive made to harm', () => {
  const npy = (shape: string, data: Buffer, descr = "'<f4'"): Buffer => {
    const header = `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }`;
    const length = Buffer.alloc(2);
    length.writeUInt16LE(header.length);
    return Buffer.concat([bytes('\x93NUMPY\x01\x00'), length, bytes(header), data]);
  };
  const good = npy('(2,)', Buffer.alloc(8));

  it('is read where it is none', async () => {
    const tensors = await io.loadNpz(zip([member('x.npy', good), member('y.npy', good, true)]));
    expect(Object.keys(tensors)).toEqual(['x', 'y']);
  });

  it.each<[string, Buffer, RegExp]>([
    [
      'a bomb beyond what deflate can do',
      zip([{ ...member('x.npy', good, true), size: 2 ** 31 }]),
      /promises 2147483648 bytes out of/,
    ],
    ['a promise that is not kept', zip([{ ...member('x.npy', good, true), size: good.length + 1 }]), /unpacks to/],
    [
      'more than was promised',
      zip([{ ...member('x.npy', Buffer.alloc(2 ** 22), true), size: 100 }]),
      /more than the 100 bytes/,
    ],
    ['one file under two names', zip([member('x.npy', good), { ...member('y.npy', good), at: 0 }]), /overlaps/],
    [
      'a file within another',
      zip([member('x.npy', zip([member('y.npy', good)])), { ...member('y.npy', good), at: 35 }]),
      /overlaps|local header|called/,
    ],
    ['a name twice', zip([member('x.npy', good), member('x.npy', good)]), /"x.npy" twice/],
    ['two names that become one', zip([member('x.npy', good), member('x', good)]), /one name/],
    ['another name inside', zip([{ ...member('x.npy', good), localName: 'y.npy' }]), /called "y.npy"/],
    ['a wrong checksum', zip([{ ...member('x.npy', good), crc: 1 }]), /checksum/],
    ['an unknown method', zip([{ ...member('x.npy', good), method: 12 }]), /method 12/],
    ['a place outside', zip([{ ...member('x.npy', good), at: 2 ** 31 }]), /passes the end/],
    ['damaged data', zip([{ ...member('x.npy', good), method: 8 }]), /unpacks to|damaged/],
    ['a cut end', zip([member('x.npy', good)]).subarray(0, -1), /table of contents is missing/],
    ['no array', zip([member('x.npy', Buffer.from('hello'))]), /no array of numpy/],
    ['a lying shape', zip([member('x.npy', npy('(1000000000000,)', Buffer.alloc(8)))]), /takes 4000000000000 bytes/],
    [
      'an overflowing shape',
      zip([member('x.npy', npy('(4294967296, 4294967296)', Buffer.alloc(0)))]),
      /takes Infinity bytes/,
    ],
    ['a header with code', zip([member('x.npy', npy('(__import__("os"),)', Buffer.alloc(8)))]), /not written as numpy/],
    ['a shape that is a number', zip([member('x.npy', npy('(2)', Buffer.alloc(8)))]), /no tuple/],
    ['bytes too many', zip([member('x.npy', npy('(1,)', Buffer.alloc(8)))]), /takes 4 bytes, 8 are there/],
    ['objects', zip([member('x.npy', npy('(1,)', Buffer.alloc(8), "'|O'"))]), /object/],
  ])('%s', async (_, file, message) => {
    expect(await refusal(() => io.loadNpz(file))).toMatch(message);
  });

  it('keeps __proto__ a plain name', async () => {
    const tensors = await io.loadNpz(zip([member('__proto__.npy', good)]));
    expect(Object.keys(tensors)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(tensors)).toBe(Object.prototype);
  });
});

describe('JSON made to harm', () => {
  it('is not parsed when it would make too many objects', async () => {
    const json = `{"a":[${'{},'.repeat(2 ** 21)}{}]}`;
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(json.length));
    expect(await refusal(() => io.loadSafetensors(Buffer.concat([head, bytes(json)])))).toMatch(
      /more than 2097152 objects/,
    );
  });
});
