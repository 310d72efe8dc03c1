// The format of PyTorch 1.6 and later: a ZIP archive of a pickle and one file for each storage.
import type { FormatError } from '../../errors.js';
import type { Source } from '../source.js';
import { type ZipEntry, ZipReader } from '../zip-reader.js';
import { Globals } from './globals.js';
import type { TorchContent } from './load.js';
import { NeedMoreBytes, type PickleHost, unpickle } from './pickle.js';
import { storageBytes } from './storage.js';
import type { PyStorage } from './values.js';

/** A pickle of more is no list of tensors. */
const MAX_PICKLE_BYTES = 2 ** 27;
/** A packed pickle may be so many times as large as in the file, and a little more. */
const MAX_PICKLE_RATIO = 64;
const SMALL_PICKLE = 2 ** 20;

/** @internal Reads the pickle; the storages are read when they are asked for. */
export async function openArchive(source: Source): Promise<TorchContent> {
  const zip = await ZipReader.open(source);
  const [folder, entry] = findPickle(source, zip);
  if (entry.size > Math.min(MAX_PICKLE_BYTES, MAX_PICKLE_RATIO * entry.packed + SMALL_PICKLE)) {
    throw source.error(`data.pkl has ${entry.size} bytes, more than any state needs`, entry.at);
  }
  const read = (record: ZipEntry) => zip.read(record, record.crc !== 0);
  const order = zip.entries.get(`${folder}byteorder`);
  const littleEndian = order === undefined || (await readOrder(source, order, read));
  const root = runPickle(source, entry, (await read(entry)).bytes);
  return {
    root,
    littleEndian,
    bytes: async (storage: PyStorage) => {
      const record = zip.entries.get(`${folder}data/${storage.key}`);
      if (record === undefined) throw source.error(`storage ${storage.key} is missing`);
      const wanted = storageBytes(storage);
      if (record.size !== wanted) {
        throw source.error(`storage ${storage.key} has ${record.size} bytes, its tensors need ${wanted}`, record.at);
      }
      return read(record);
    },
  };
}

function findPickle(source: Source, zip: ZipReader): [folder: string, entry: ZipEntry] {
  const found = [...zip.entries.values()].filter(({ name }) => /^([^/]*\/)?data\.pkl$/.test(name));
  if (found.length !== 1) throw source.error('is no file of torch.save: it has no data.pkl, or several');
  const folder = found[0].name.slice(0, -'data.pkl'.length);
  if (zip.entries.has(`${folder}constants.pkl`)) {
    throw source.error('is a TorchScript archive, which contains code; save the state_dict() with torch.save instead');
  }
  return [folder, found[0]];
}

async function readOrder(
  source: Source,
  entry: ZipEntry,
  read: (entry: ZipEntry) => Promise<{ bytes: Uint8Array }>,
): Promise<boolean> {
  const text = entry.size <= 16 ? Buffer.from((await read(entry)).bytes).toString('latin1') : '';
  if (text === 'little' || text === 'big') return text === 'little';
  throw source.error('its byteorder is neither little nor big', entry.at);
}

function runPickle(source: Source, entry: ZipEntry, bytes: Uint8Array) {
  const fail = (reason: string): FormatError => source.error(`data.pkl: ${reason}`, entry.at);
  const globals = new Globals(fail, source.size);
  const host: PickleHost = {
    global: (module, name) => globals.get(module, name),
    persistent: (id) => globals.storage(id),
    error: (reason, at) => fail(`${reason} (byte ${at} of the pickle)`),
  };
  try {
    return unpickle(bytes, host).value;
  } catch (error) {
    if (error instanceof NeedMoreBytes) throw fail('truncated');
    throw error;
  }
}
