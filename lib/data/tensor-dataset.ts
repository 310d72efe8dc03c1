import { ArgumentError, ShapeError } from '../errors.js';
import { indexSelect, select } from '../ops/index.js';
import { fromBytes, tensor } from '../tensor/create.js';
import { type DType, ITEM_SIZES } from '../tensor/dtype.js';
import { readSync } from '../tensor/read.js';
import { Tensor } from '../tensor/tensor.js';
import type { BatchDataset } from './dataset.js';
import type { ModuleSource } from './worker/source.js';

/** The rows of several tensors with the same first axis; an item is one row of each. */
export class TensorDataset<T extends readonly Tensor[]> implements BatchDataset<T, T> {
  readonly tensors: T;
  readonly length: number;

  /**
   * @example
   * const dataset = new TensorDataset(x, y); // x [N, D], y [N]
   * @throws ShapeError when the tensors differ in their first axis or have none
   */
  constructor(...tensors: T) {
    const [first] = tensors;
    if (first === undefined) throw new ArgumentError('TensorDataset', 'at least one tensor is needed', tensors);
    for (const [i, value] of tensors.entries()) {
      if (!(value instanceof Tensor)) throw new ArgumentError('TensorDataset', `argument ${i} is no Tensor`, value);
      if (value.ndim === 0)
        throw new ShapeError('TensorDataset', `tensor ${i} has no axis to take items from`, value.shape);
      if (value.shape[0] !== first.shape[0]) {
        const lengths = `tensor 0 has ${first.shape[0]} rows, tensor ${i} has ${value.shape[0]}`;
        throw new ShapeError('TensorDataset', lengths, first.shape, value.shape);
      }
    }
    this.tensors = tensors;
    this.length = first.shape[0];
  }

  /** Row `index` of each tensor, without a copy. */
  get(index: number): T {
    this.requireIndex(index);
    return this.tensors.map((value) => select(value, 0, index)) as readonly Tensor[] as T;
  }

  /** The rows with these numbers of each tensor, in their order. */
  batch(indices: ArrayLike<number>): T {
    for (let i = 0; i < indices.length; i++) this.requireIndex(indices[i]);
    const rows = tensor(Int32Array.from(indices));
    try {
      return this.tensors.map((value) => indexSelect(value, 0, rows)) as readonly Tensor[] as T;
    } finally {
      rows.dispose();
    }
  }

  /** Workers share one copy of the tensors. Waits for them. */
  workerSource(): ModuleSource {
    return { module: import.meta.url, export: 'fromShared', args: [this.tensors.map(share)] };
  }

  private requireIndex(index: number): void {
    if (Number.isInteger(index) && index >= 0 && index < this.length) return;
    throw new ArgumentError('TensorDataset', `index ${index} is out of range [0, ${this.length})`, index);
  }
}

/** A tensor that all threads can read. */
interface SharedTensor {
  readonly bytes: Uint8Array;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

function share(value: Tensor): SharedTensor {
  const bytes = new Uint8Array(new SharedArrayBuffer(value.numel * ITEM_SIZES[value.dtype]));
  const same = value.view('uint8');
  bytes.set(readSync(same, 'TensorDataset') as Uint8Array);
  return { bytes, shape: [...value.shape], dtype: value.dtype };
}

/** @internal What a worker makes of {@link TensorDataset.workerSource}. */
export const fromShared = (tensors: readonly SharedTensor[]): TensorDataset<Tensor[]> =>
  new TensorDataset(...tensors.map(({ bytes, shape, dtype }) => fromBytes(bytes.slice(), shape, dtype).keep()));
