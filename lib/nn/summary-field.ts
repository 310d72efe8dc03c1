// How much of the model's input each element of a tensor depends on.
import type { Tensor } from '../tensor/tensor.js';

/** Along one axis, in elements of the model's input: what an element sees, and from one element to the next. */
interface Reach {
  readonly size: number;
  readonly step: number;
}

/** For each axis of a tensor; null for axes that are no places in the input: batch, channels. */
type Field = readonly (Reach | null)[];

/** Kernel, stride and dilation along each spatial axis. */
type Window = readonly (readonly [kernel: number, stride: number, dilation: number])[];

/** Of the last axes; `sizes` holds strides, paddings and dilations of D, H, W. */
const convolutionWindow = (args: readonly unknown[]): Window => {
  const kernel = (args[1] as Tensor).shape.slice(2);
  const numbers = args.find((value) => value instanceof Int32Array) as Int32Array;
  return kernel.map((k, i) => {
    const axis = 3 - kernel.length + i;
    return [k, numbers[axis], numbers[6 + axis]];
  });
};

/** `numbers` holds size, output, kernel, stride, padding, dilation of D, H, W; stride 0 shares out the axis. */
const poolWindow = ([x, windows]: readonly unknown[]): Window => {
  const { numbers } = windows as { numbers: readonly number[] };
  const axes = (x as Tensor).ndim - 2;
  return Array.from({ length: axes }, (_, i) => {
    const [size, out, kernel, stride, , dilation] = numbers.slice(6 * (3 - axes + i));
    return [kernel, stride === 0 ? size / out : stride, dilation];
  });
};

const WINDOWS: Readonly<Record<string, (args: readonly unknown[]) => Window>> = {
  convolution: convolutionWindow,
  maxPool: poolWindow,
  avgPool: poolWindow,
};

/** Products along an axis: no places any more. */
const PRODUCTS = new Set(['matmul', 'attention', 'scaledDotProductAttention']);

function slide(field: Field, window: Window): Field {
  return field.map((reach, axis) => {
    if (!reach || axis < 2) return reach;
    const [kernel, stride, dilation] = window[axis - 2];
    return { size: reach.size + (kernel - 1) * dilation * reach.step, step: reach.step * stride };
  });
}

const larger = (a: Field, b: Field): Field =>
  a.map((reach, i) => {
    const other = b[i];
    if (!reach || !other) return reach ?? other;
    return { size: Math.max(reach.size, other.size), step: Math.max(reach.step, other.step) };
  });

/** @internal Follows the receptive fields through the calls of one run. */
export class ReceptiveFields {
  /** Null: it depends on the input in a way that no window describes. */
  private readonly fields = new WeakMap<Tensor, Field | null>();

  /** `[N, C, ...]`: each element of the input sees itself. */
  start(input: Tensor): void {
    if (input.ndim < 3) return;
    const reach = { size: 1, step: 1 };
    this.fields.set(
      input,
      input.shape.map((_, axis) => (axis < 2 ? null : reach)),
    );
  }

  /** One call: what its outputs see. */
  note(name: string, args: readonly unknown[], inputs: readonly Tensor[], outputs: readonly Tensor[]): void {
    const known = inputs.filter((x) => this.fields.has(x));
    if (known.length === 0) return;
    for (const y of outputs) this.fields.set(y, this.after(name, args, known, y));
  }

  private after(name: string, args: readonly unknown[], inputs: readonly Tensor[], y: Tensor): Field | null {
    const first = this.fields.get(inputs[0]) ?? null;
    if (Object.hasOwn(WINDOWS, name)) {
      // A convolution may add a map to its result.
      const added = inputs.slice(1).map((x) => this.fields.get(x) ?? null);
      const own = first && slide(first, WINDOWS[name](args));
      return added.reduce((a, b) => a && b && larger(a, b), own);
    }
    if (name === 'permute') return first && (args[1] as readonly number[]).map((axis) => first.at(axis) ?? null);
    if (PRODUCTS.has(name)) return null;
    // What acts place by place, or joins channels. One factor for a whole map adds nothing to what a place sees.
    const joins = name === 'cat';
    const maps = joins ? inputs : inputs.filter((x) => this.samePlaces(x, y) || x.numel === y.numel);
    if (maps.length === 0 || !maps.every((x) => this.samePlaces(x, y))) return null;
    return maps.map((x) => this.fields.get(x) as Field).reduce(larger);
  }

  private samePlaces(x: Tensor, y: Tensor): boolean {
    const field = this.fields.get(x);
    return !!field && x.ndim === y.ndim && field.every((reach, i) => !reach || x.shape[i] === y.shape[i]);
  }

  /** Along the spatial axes; null where there are none. */
  of(x: Tensor): readonly number[] | null {
    const sizes = this.fields.get(x)?.flatMap((reach) => (reach ? [reach.size] : [])) ?? [];
    return sizes.length > 0 ? sizes : null;
  }
}
