import { ArgumentError } from '../errors.js';
import { checkOptions, checkTensor } from '../tensor/check.js';
import { getDefaultDType } from '../tensor/create.js';
import { checkDType, type DType } from '../tensor/dtype.js';
import { checkShape, contiguousStrides, stridesInOrder } from '../tensor/layout.js';
import { adoptView, emptyContiguous, emptyStrided, Tensor } from '../tensor/tensor.js';

/** A tensor that a module trains: registered by being assigned to a field. Shares the memory of `data`. */
export class Parameter extends Tensor {
  constructor(data: Tensor, requiresGrad = true) {
    checkTensor('Parameter', data, 'data');
    super(data.shape, data.strides, data.dtype, data, 0);
    adoptView(this, data, 0);
    this.keep();
    this.requiresGrad = requiresGrad;
  }
}

/** A parameter of a tensor that nobody else has: its memory goes with the parameter. @internal */
export function parameterOf(data: Tensor): Parameter {
  const parameter = new Parameter(data);
  data.dispose();
  return parameter;
}

/** Options of {@link Buffer}. */
export interface BufferOptions {
  /** Part of the state dict. Default true. */
  persistent?: boolean;
}

/**
 * A tensor that a module keeps without training it, such as a running mean: registered by being assigned to a field, like
 * a {@link Parameter}. Shares the memory of `data`. Change it in place: another tensor in the field is no buffer.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.Buffer.html
 */
export class Buffer extends Tensor {
  /** Whether it is part of the state dict. */
  readonly persistent: boolean;

  constructor(data: Tensor, options: BufferOptions = {}) {
    checkTensor('Buffer', data, 'data');
    checkOptions('Buffer', options);
    super(data.shape, data.strides, data.dtype, data, 0);
    adoptView(this, data, 0);
    this.keep();
    this.persistent = options.persistent ?? true;
  }
}

const unknown = (name: string): ArgumentError =>
  new ArgumentError(name, 'the shape of a lazy parameter is not known yet; run its module once, or load a state dict');

/** Takes the place of a shape: whoever looks at it learns that there is none. */
const noShape = (name: string): readonly number[] =>
  new Proxy<number[]>([], {
    get: () => {
      throw unknown(name);
    },
  });

/** Options of {@link UninitializedParameter}. */
export interface UninitializedOptions {
  /** Default: that of `setDefaultDType`, float32. */
  dtype?: DType;
  /** @internal The order of the axes in memory, once it is known. */
  order?: readonly number[];
}

/** The order of the axes in memory of what has no shape yet. */
const orders = new WeakMap<Tensor, readonly number[]>();

function hideShape(tensor: Tensor, { order }: UninitializedOptions): void {
  const shape = noShape(tensor.constructor.name);
  Object.assign(tensor, { shape, strides: shape });
  if (order) orders.set(tensor, order);
}

const emptyOf = (op: string, options: UninitializedOptions): Tensor => {
  checkOptions(op, options);
  return emptyContiguous([0], checkDType(op, options.dtype ?? getDefaultDType()));
};

/** Makes it an ordinary tensor with memory, whose values are not set. */
function materialize(tensor: Tensor, prototype: object, shape: readonly number[], dtype: DType): void {
  checkShape('materialize', shape);
  checkDType('materialize', dtype);
  const order = orders.get(tensor);
  const strides = order?.length === shape.length ? stridesInOrder(shape, order) : contiguousStrides(shape);
  Object.setPrototypeOf(tensor, prototype);
  tensor._setData(emptyStrided(shape, strides, dtype));
}

/**
 * A parameter whose shape is not known yet. It has a dtype; everything else throws until it is materialized, which makes
 * the same object a {@link Parameter}. Optimizers take it after that only.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.UninitializedParameter.html
 */
export class UninitializedParameter extends Parameter {
  constructor(requiresGrad = true, options: UninitializedOptions = {}) {
    const data = emptyOf('UninitializedParameter', options);
    super(data, requiresGrad);
    data.dispose();
    hideShape(this, options);
  }

  /** Gives it memory of a shape, and of another dtype. The values are not set. */
  materialize(shape: readonly number[], dtype: DType = this.dtype): void {
    materialize(this, Parameter.prototype, shape, dtype);
  }

  /** Another one without a shape. */
  override detach(): Tensor {
    return new UninitializedParameter(false, { dtype: this.dtype });
  }

  /** @internal A copy. */
  _twin(): UninitializedParameter {
    return new UninitializedParameter(this.requiresGrad, { dtype: this.dtype, order: orders.get(this) });
  }

  /** @internal */
  override _handle(op: string): number {
    throw unknown(op);
  }

  /** @internal */
  _useDType(dtype: DType): void {
    Object.assign(this, { dtype });
  }

  override toString(): string {
    return '<UninitializedParameter>';
  }
}

/**
 * A buffer whose shape is not known yet; {@link UninitializedParameter} says more.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.parameter.UninitializedBuffer.html
 */
export class UninitializedBuffer extends Buffer {
  constructor(options: UninitializedOptions & BufferOptions = {}) {
    const data = emptyOf('UninitializedBuffer', options);
    super(data, options);
    data.dispose();
    hideShape(this, options);
  }

  /** Gives it memory of a shape, and of another dtype. The values are not set. */
  materialize(shape: readonly number[], dtype: DType = this.dtype): void {
    materialize(this, Buffer.prototype, shape, dtype);
  }

  /** Another one without a shape. */
  override detach(): Tensor {
    return new UninitializedBuffer({ dtype: this.dtype });
  }

  /** @internal A copy. */
  _twin(): UninitializedBuffer {
    return new UninitializedBuffer({ dtype: this.dtype, order: orders.get(this), persistent: this.persistent });
  }

  /** @internal */
  override _handle(op: string): number {
    throw unknown(op);
  }

  /** @internal */
  _useDType(dtype: DType): void {
    Object.assign(this, { dtype });
  }

  override toString(): string {
    return '<UninitializedBuffer>';
  }
}

/** Whether the shape of a parameter or buffer is not known yet. @internal */
export const isUninitialized = (x: unknown): x is UninitializedParameter | UninitializedBuffer =>
  x instanceof UninitializedParameter || x instanceof UninitializedBuffer;
