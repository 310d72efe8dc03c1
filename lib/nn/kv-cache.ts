// Keys and values of the positions that a model has seen, for decoding step by step.
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../errors.js';
import { indexSelect } from '../ops/indexing/indexing.js';
import { narrow } from '../ops/shape/view.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { sameShape } from '../tensor/layout.js';
import { runScoped } from '../tensor/scope.js';
import { emptyContiguous, type Tensor } from '../tensor/tensor.js';
import { checkSize } from './linear.js';

/** Options of {@link KVCache}. */
export interface KVCacheOptions {
  /** Positions that there is room for at first; it doubles when it is full. Default 64. */
  capacity?: number;
  /** Most positions; one more is refused. Default: no limit. */
  maxLength?: number | null;
}

interface Layer {
  keys: Tensor;
  values: Tensor;
  length: number;
}

/** Memory of the cache lives until it is replaced, and takes part in no gradient. */
const apart = <R>(fn: () => R): R => runScoped(fn, false, false);

/**
 * Keys and values `[N, heads, length, D]` of each layer of a model. `update` adds those of new positions to memory that is
 * there already, and gives all of them as views: a step costs the new positions only. No gradients pass. Pope et al., 2022.
 *
 * @example
 * const cache = new nn.KVCache(model.layers.length);
 * const [k, v] = cache.update(0, key, value);
 */
export class KVCache {
  private readonly layers: (Layer | null)[];
  private readonly capacity: number;
  /** Most positions, or null. */
  readonly maxLength: number | null;

  constructor(
    readonly numLayers: number,
    options: KVCacheOptions = {},
  ) {
    checkSize('KVCache', 'numLayers', numLayers);
    checkOptions('KVCache', options);
    this.capacity = checkSize('KVCache', 'capacity', options.capacity ?? 64);
    this.maxLength = options.maxLength == null ? null : checkSize('KVCache', 'maxLength', options.maxLength);
    this.layers = new Array<Layer | null>(numLayers).fill(null);
  }

  /** Positions that every layer has seen. */
  get length(): number {
    return Math.min(...this.layers.map((layer) => layer?.length ?? 0));
  }

  private at(op: string, layer: number): Layer | null {
    if (Number.isInteger(layer) && layer >= 0 && layer < this.numLayers) return this.layers[layer];
    throw new ArgumentError(op, `there is no layer ${valueText(layer)} of ${this.numLayers}`, layer);
  }

  /**
   * Adds the keys and values `[N, heads, L, D]` of L new positions to a layer, and returns those of all positions.
   * The views are right until the next `reorder`, `crop` or `reset`.
   * @throws ShapeError when the shapes differ from what is there, or for more than maxLength positions.
   */
  update(layer: number, key: Tensor, value: Tensor): [keys: Tensor, values: Tensor] {
    const op = 'KVCache.update';
    const old = this.at(op, layer);
    this.check(op, old, key, value);
    const start = old?.length ?? 0;
    const length = start + key.shape[2];
    if (this.maxLength !== null && length > this.maxLength) {
      const text = `key ${shapeText(key.shape)} behind ${start} positions makes ${length}, maxLength is ${this.maxLength}`;
      throw new ShapeError(op, text, key.shape, [this.maxLength]);
    }
    const entry: Layer = old ?? { keys: this.room(key, length), values: this.room(value, length), length: 0 };
    this.layers[layer] = entry;
    if (length > entry.keys.shape[2]) {
      entry.keys = this.grown(entry.keys, start, length);
      entry.values = this.grown(entry.values, start, length);
    }
    apart(() => {
      narrow(entry.keys, 2, start, key.shape[2]).copy_(key.detach());
      narrow(entry.values, 2, start, key.shape[2]).copy_(value.detach());
    });
    entry.length = length;
    return [narrow(entry.keys, 2, 0, length), narrow(entry.values, 2, 0, length)];
  }

  private check(op: string, old: Layer | null, key: Tensor, value: Tensor): void {
    checkTensor(op, key, 'key');
    checkTensor(op, value, 'value');
    const alike = key.ndim === 4 && value.ndim === 4 && sameShape(key.shape.slice(0, 3), value.shape.slice(0, 3));
    if (!alike) {
      const text = `key and value must be [N, heads, L, D], got ${shapeText(key.shape)} and ${shapeText(value.shape)}`;
      throw new ShapeError(op, text, key.shape, value.shape);
    }
    for (const [name, x, there] of [['key', key, old?.keys] as const, ['value', value, old?.values] as const]) {
      if (!there) continue;
      if (x.dtype !== there.dtype) {
        throw new DTypeError(op, `${name} is ${x.dtype}, the cache is ${there.dtype}`, x.dtype, there.dtype);
      }
      if (x.shape.every((size, axis) => axis === 2 || size === there.shape[axis])) continue;
      const wanted = there.shape.map((size, axis) => (axis === 2 ? 'L' : size));
      throw new ShapeError(
        op,
        `${name} has shape ${shapeText(x.shape)}, the cache holds [${wanted.join(', ')}]`,
        x.shape,
      );
    }
  }

  /** Memory for at least `length` positions. */
  private room(like: Tensor, length: number): Tensor {
    const size = Math.min(Math.max(this.capacity, length), this.maxLength ?? Infinity);
    const shape = like.shape.map((axis, i) => (i === 2 ? size : axis));
    return apart(() => emptyContiguous(shape, like.dtype)).keep();
  }

  private grown(old: Tensor, used: number, length: number): Tensor {
    const size = Math.min(Math.max(2 * old.shape[2], length), this.maxLength ?? Infinity);
    return this.replaced(old, old.shape[0], size, narrow(old, 2, 0, used));
  }

  /** New memory with `part` at its beginning, in the place of the old. */
  private replaced(old: Tensor, batch: number, size: number, part: Tensor): Tensor {
    const fresh = apart(() => {
      const memory = emptyContiguous([batch, old.shape[1], size, old.shape[3]], old.dtype);
      narrow(memory, 2, 0, part.shape[2]).copy_(part);
      return memory;
    }).keep();
    old.dispose();
    return fresh;
  }

  /**
   * Puts the sequences of the batch into another order, or repeats and drops some: `rows` is int64 `[M]`, and sequence i
   * will be what sequence `rows[i]` was. Beam search goes on with its best beams so.
   */
  reorder(rows: Tensor): void {
    checkTensor('KVCache.reorder', rows, 'rows');
    if (rows.ndim !== 1) {
      throw new ShapeError('KVCache.reorder', `rows must be [M], got ${shapeText(rows.shape)}`, rows.shape);
    }
    for (const layer of this.layers) {
      if (!layer) continue;
      const chosen = (x: Tensor): Tensor =>
        apart(() => this.replaced(x, rows.numel, x.shape[2], indexSelect(narrow(x, 2, 0, layer.length), 0, rows)));
      layer.keys = chosen(layer.keys).keep();
      layer.values = chosen(layer.values).keep();
    }
  }

  /** Forgets all positions from `length` on. */
  crop(length: number): void {
    checkSize('KVCache.crop', 'length', length, 0);
    for (const layer of this.layers) if (layer) layer.length = Math.min(layer.length, length);
  }

  /** Forgets everything, and frees the memory. */
  reset(): void {
    for (const layer of this.layers) {
      layer?.keys.dispose();
      layer?.values.dispose();
    }
    this.layers.fill(null);
  }

  /** {@link reset}. */
  dispose(): void {
    this.reset();
  }
}
