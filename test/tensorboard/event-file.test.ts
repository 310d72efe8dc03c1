import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { ArgumentError, ShapeError, tensor, WriteError, zeros } from '../../lib/index.js';
import { crc32c, frame, maskedCrc32c } from '../../lib/tensorboard/crc32c.js';
import { SummaryWriter } from '../../lib/tensorboard/index.js';
import { crc32cBitwise, Message, readEvents, readRecords } from '../support/event-file.js';
import { runProgram } from '../support/program.js';

const root = mkdtempSync(join(tmpdir(), 'nabla-events-'));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
const folder = (): string => join(root, String(folders++));

const onlyFile = (path: string): Buffer => {
  const [name, ...others] = readdirSync(path);
  expect(others).toEqual([]);
  return readFileSync(join(path, name));
};

describe('CRC-32C', () => {
  it("is RFC 3720's", () => {
    // Appendix B.4, and the check value of the catalogue of CRCs.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32cBitwise(Buffer.from('123456789'))).toBe(0xe3069283);
  });

  it('is masked as TFRecord files want it', () => {
    for (let length = 0; length < 40; length++) {
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i * 37 + length) & 255));
      const crc = crc32cBitwise(bytes);
      const rotated = ((crc >>> 15) | (crc << 17)) >>> 0;
      expect(maskedCrc32c(bytes)).toBe((rotated + 0xa282ead8) % 2 ** 32);
      expect(readRecords(Buffer.from(frame(bytes)))).toEqual({ records: [bytes], rest: 0 });
    }
  });

  it('finds a changed byte', () => {
    const record = Buffer.from(frame(Buffer.from('event')));
    for (let at = 0; at < record.length; at++) {
      const bad = Buffer.from(record);
      bad[at] ^= 4;
      expect(() => readRecords(bad), String(at)).toThrow(/CRC/);
    }
  });
});

describe('event files', () => {
  it('begin with the version, and are named as TensorBoard looks for them', async () => {
    const path = folder();
    const before = Date.now() / 1000;
    const writer = new SummaryWriter(path, { filenameSuffix: '.v1' });
    await writer.close();
    const [name] = readdirSync(path);
    expect(name).toMatch(new RegExp(`^events\\.out\\.tfevents\\.\\d{10}\\..+\\.${process.pid}\\.\\d+\\.v1$`));
    const [{ event }] = readEvents(path);
    expect(event.text(3)).toBe('brain.Event:2');
    expect(event.message(10).text(1)).toBe('nabla');
    expect(event.double(1)).toBeGreaterThanOrEqual(before - 1e-3);
    expect(event.double(1)).toBeLessThan(before + 60);
    expect(writer.getLogdir()).toBe(path);
  });

  it('keep the order of the calls, whatever is read meanwhile', async () => {
    const path = folder();
    const writer = new SummaryWriter(path);
    const wanted: [string, number][] = [];
    for (let step = 0; step < 50; step++) {
      writer.addScalar('read', tensor([step + 0.5]), step);
      writer.addHistogram('counted', zeros([5]), step);
      writer.addScalar('known', step, step);
      wanted.push(['read', step], ['counted', step], ['known', step]);
    }
    await writer.close();
    const events = readEvents(path).slice(1);
    expect(events.map(({ tag, step }) => [tag, step])).toEqual(wanted);
    expect(events.filter(({ tag }) => tag === 'read').map(({ value }) => value?.float(2))).toEqual(
      Array.from({ length: 50 }, (_, step) => step + 0.5),
    );
  });

  it('go on in a new file after close(), and say where a crashed run began again', async () => {
    const path = folder();
    const writer = new SummaryWriter(path, { purgeStep: 7 });
    writer.addScalar('a', 1, 7);
    await writer.close();
    await writer.close();
    const events = readEvents(path);
    expect(events.map(({ step }) => step)).toEqual([0, 7, 7, 7]);
    expect(events[1].event.text(3)).toBe('brain.Event:2');
    expect(events[2].event.message(7).int(1)).toBe(1);
    writer.addScalar('a', 2, 8);
    await writer.close();
    expect(readdirSync(path)).toHaveLength(2);
  });

  it('stand below runs/ by default', async () => {
    const old = process.cwd();
    mkdirSync(folder());
    process.chdir(root);
    try {
      const writer = new SummaryWriter(null, { comment: '_lr1' });
      expect(writer.logDir).toMatch(/^runs[/\\][A-Z][a-z]{2}\d{2}_\d{2}-\d{2}-\d{2}_.*_lr1$/);
      await writer.close();
      expect(readEvents(writer.logDir)).toHaveLength(1);
    } finally {
      process.chdir(old);
    }
  });

  it('of a killed process are whole up to the last record', async () => {
    const path = folder();
    const outcome = await runProgram('events', [path], { signalWhenReady: 'SIGKILL' });
    expect(outcome.status).toBe('SIGKILL');
    const { records } = readRecords(onlyFile(path));
    const steps = records.slice(1).map((record) => new Message(record).int(2));
    expect(steps.length).toBeGreaterThanOrEqual(42);
    expect(steps).toEqual(steps.map((_, i) => Math.floor(i / 2)));
  });
});

describe('files that cannot be written', () => {
  it.skipIf(process.platform === 'win32')('keep whole records when the disk takes no more, and say so', () => {
    const path = folder();
    const program = fileURLToPath(new URL('../runtime/programs/events.mjs', import.meta.url));
    // 1 MiB at most: the write that goes beyond is cut, as on a full disk, and the next one fails.
    const limited = `trap '' XFSZ; ulimit -f 1024; exec "$0" "$@"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', limited, process.execPath, program, path, 'limited'], {
      encoding: 'utf8',
    });
    expect(stdout, stderr).toBe('ready\nWriteError EFBIG true\n');
    const { records, rest } = readRecords(onlyFile(path));
    expect(rest).toBe(0);
    expect(records.length).toBeGreaterThan(50);
  });

  it('throw a WriteError from the next call, once at close()', async () => {
    const path = folder();
    writeFileSync(path, '');
    const writer = new SummaryWriter(path);
    const error = await writer.flush().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WriteError);
    expect(error).toMatchObject({ code: 'EEXIST', op: 'SummaryWriter' });
    expect((error as Error).message).toContain(path);
    expect(() => writer.addScalar('a', 1)).toThrow(WriteError);
    await writer.close();
    const second = new SummaryWriter(join(path, 'below'));
    await expect(second.close()).rejects.toThrow(WriteError);
  });

  it('tell a full disk by its name', () => {
    const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    expect(new WriteError('op', '/a/b', cause).message).toBe('op: /a/b could not be written: the disk is full');
  });

  it('do not stop for an event that cannot be made', async () => {
    const path = folder();
    const writer = new SummaryWriter(path);
    writer.addScalar('big', tensor([2n ** 60n]));
    writer.addScalar('a', 1);
    await expect(writer.flush()).rejects.toThrow(/does not fit a number/);
    writer.addScalar('b', 2);
    await writer.close();
    expect(readEvents(path).map(({ tag }) => tag)).toEqual(['', 'a', 'b']);
  });
});

it('wrong arguments throw at the call', async () => {
  const path = folder();
  const writer = new SummaryWriter(path);
  const wrong: [() => unknown, new (...args: never[]) => Error, RegExp][] = [
    [() => writer.addScalar('a', 'x' as never), ArgumentError, /^addScalar: value must be a Tensor, got "x"/],
    [() => writer.addScalar('a', zeros([2])), ShapeError, /^addScalar: one element is needed, got shape \[2\]/],
    [() => writer.addScalar(3 as never, 1), ArgumentError, /^addScalar: the tag must be a string, got 3/],
    [() => writer.addScalar('a', 1, 0.5), ArgumentError, /^addScalar: the step must be an integer, got 0.5/],
    [() => writer.addHistogram('a', zeros([0, 2])), ShapeError, /^addHistogram: there is no value/],
    [() => writer.addHistogram('a', zeros([1]), 0, { bins: [2, 1] }), ArgumentError, /ascending limits, got \[2, 1\]/],
    [() => writer.addHistogram('a', zeros([1]), 0, { bins: 'fd' as never }), ArgumentError, /got "fd"/],
    [() => writer.addHistogram('a', zeros([1]), 0, { maxBins: 0 }), ArgumentError, /maxBins must be an integer >= 1/],
    [() => writer.addImage('a', zeros([2, 3])), ShapeError, /^addImage: an image of shape \[2, 3\] is not CHW/],
    [() => writer.addImage('a', zeros([2, 3, 3])), ShapeError, /1, 3 or 4 channels, got 2/],
    [() => writer.addImage('a', zeros([3, 0, 3])), ShapeError, /is empty/],
    [() => writer.addImage('a', zeros([1, 2]), 0, { dataformats: 'HH' }), ArgumentError, /got "HH"/],
    [() => writer.addText('a', 1 as never), ArgumentError, /^addText: text is needed, got 1/],
    [() => writer.addPrCurve('a', zeros([2]), zeros([3])), ShapeError, /predictions \[3\] must have as many/],
    [() => writer.addHparams({ a: [] as never }, {}), ArgumentError, /a must be a number, string, boolean or null/],
    [() => writer.addHparams({}, { m: 'x' as never }), ArgumentError, /metric m must be a number/],
    [() => writer.addHparams({ a: 1 }, {}, 0, { domainDiscrete: { a: ['x'] } }), ArgumentError, /domainDiscrete\.a/],
    [
      () => writer.addEmbedding(zeros([2, 3]), 0, { metadata: ['x'] }),
      ArgumentError,
      /2 rows need as many labels, got 1/,
    ],
    [() => writer.addEmbedding(zeros([2])), ShapeError, /mat must be \[N, D\], got \[2\]/],
    [() => writer.addCustomScalars({ a: { b: ['Margin', ['x']] } }), ArgumentError, /a margin has 3 tags/],
    [() => writer.addGraph({} as never, zeros([1])), ArgumentError, /^addGraph/],
    [() => new SummaryWriter(5 as never), ArgumentError, /^SummaryWriter: logDir must be a string, got 5/],
    [() => new SummaryWriter(path, { purgeStep: 1.5 }), ArgumentError, /the step must be an integer/],
  ];
  for (const [call, type, text] of wrong) {
    expect(call).toThrow(type);
    expect(call).toThrow(text);
  }
  await writer.close();
  expect(readEvents(path)).toHaveLength(1);
});
