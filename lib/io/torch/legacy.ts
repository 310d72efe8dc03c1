// The format before PyTorch 1.6: pickles one after the other, then the storages.
import type { FormatError } from '../../errors.js';
import type { Source } from '../source.js';
import { Globals } from './globals.js';
import type { TorchContent } from './load.js';
import { NeedMoreBytes, type PickleHost, unpickle } from './pickle.js';
import { storageBytes } from './storage.js';
import { PyDict, type PyStorage, type PyValue } from './values.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
/** Read at first; doubled while the pickle goes on. */
const FIRST_BYTES = 2 ** 16;
const MAX_PICKLE_BYTES = 2 ** 27;
/** Where `ustar` stands in a tar archive. */
const TAR_AT = 257;

/** Pickles of a file, one after the other. */
class Pickles {
  at = 0;
  readonly storages = new Map<string, PyStorage>();
  private readonly globals: Globals;

  constructor(private readonly source: Source) {
    this.globals = new Globals((reason) => this.error(reason), source.size);
  }

  error(reason: string): FormatError {
    return this.source.error(reason, this.at);
  }

  async next(): Promise<PyValue> {
    const left = Math.min(this.source.size - this.at, MAX_PICKLE_BYTES);
    for (let length = Math.min(FIRST_BYTES, left); ; length = Math.min(2 * length, left)) {
      const bytes = await this.source.read(this.at, length);
      try {
        const { value, length: used } = unpickle(bytes, this.host());
        this.at += used;
        return value;
      } catch (error) {
        if (!(error instanceof NeedMoreBytes)) throw error;
        if (length === left) throw this.error(left === MAX_PICKLE_BYTES ? 'a pickle is too long' : 'truncated pickle');
      }
    }
  }

  private host(): PickleHost {
    const { at } = this;
    return {
      global: (module, name) => this.globals.get(module, name),
      persistent: (id) => {
        const storage = this.globals.storage(id);
        const before = this.storages.get(storage.key);
        if (before && (before.type !== storage.type || before.count !== storage.count)) {
          throw this.error(`storage ${storage.key} has two types or sizes`);
        }
        this.storages.set(storage.key, storage);
        return storage;
      },
      error: (reason, within) => this.source.error(reason, at + within),
    };
  }
}

/** @internal Reads the pickles and where the storages are. */
export async function openLegacy(source: Source): Promise<TorchContent> {
  await requireMagic(source);
  const pickles = new Pickles(source);
  if ((await pickles.next()) !== MAGIC) throw source.error('is no file of torch.save: its magic number is wrong', 0);
  const version = await pickles.next();
  if (version !== PROTOCOL) throw pickles.error(`has protocol version ${String(version)}, expected ${PROTOCOL}`);
  const system = await pickles.next();
  const littleEndian = system instanceof PyDict ? system.get('little_endian') : undefined;
  if (typeof littleEndian !== 'boolean') throw pickles.error('does not say in which order its bytes are');
  const root = await pickles.next();
  const keys = await pickles.next();
  const places = await findStorages(source, pickles, keys);
  return {
    root,
    littleEndian,
    bytes: async (storage) => {
      const at = places.get(storage.key)!;
      return { bytes: await source.read(at, storageBytes(storage)), offset: at };
    },
  };
}

/** Names what the file may be instead. */
async function requireMagic(source: Source): Promise<void> {
  const start = Buffer.from(await source.read(0, Math.min(source.size, TAR_AT + 5)));
  if (start.subarray(TAR_AT).toString('latin1') === 'ustar') {
    throw source.error(
      'is in the tar format of PyTorch before 0.2, which is not read; save it again with a newer one',
      0,
    );
  }
  // PROTO 2, LONG1 of 10 bytes.
  if (start.readUInt16BE(0) === 0x8002 && start.readUInt16BE(2) === 0x8a0a) return;
  throw source.error('is no file of torch.save: neither a ZIP archive nor the format before PyTorch 1.6', 0);
}

/** Storages stand in the order of the keys, each behind the number of its elements; nothing is left over. */
async function findStorages(source: Source, pickles: Pickles, keys: PyValue): Promise<Map<string, number>> {
  if (!Array.isArray(keys)) throw pickles.error('has no list of storages');
  const places = new Map<string, number>();
  let { at } = pickles;
  for (const key of keys) {
    const storage = typeof key === 'string' ? pickles.storages.get(key) : undefined;
    if (storage === undefined || places.has(storage.key)) throw pickles.error('its list of storages is wrong');
    if (at + 8 > source.size) throw source.error(`truncated before storage ${storage.key}`, at);
    const count = Buffer.from(await source.read(at, 8)).readBigInt64LE();
    if (count !== BigInt(storage.count)) {
      throw source.error(`storage ${storage.key} has ${count} elements, its tensors need ${storage.count}`, at);
    }
    places.set(storage.key, at + 8);
    at += 8 + storageBytes(storage);
    if (!(at <= source.size)) throw source.error(`truncated: storage ${storage.key} passes the end`, source.size);
  }
  for (const key of pickles.storages.keys()) if (!places.has(key)) throw pickles.error(`storage ${key} is missing`);
  if (at < source.size) throw source.error(`${source.size - at} bytes after the last storage belong to nothing`, at);
  return places;
}
