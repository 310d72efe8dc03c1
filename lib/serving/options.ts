// What a MicroBatcher takes, checked.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { type TensorData, tensor } from '../tensor/create.js';
import { checkDType, type DType, dtypeOfArray, type TypedArray } from '../tensor/dtype.js';
import { runInFrame } from '../tensor/frame.js';
import { sameShape } from '../tensor/layout.js';
import { Tensor } from '../tensor/tensor.js';

/** One sample of a request, without a batch axis. */
export type Sample = Tensor | TypedArray | TensorData;

/** Options of {@link MicroBatcher}. */
export interface MicroBatcherOptions {
  /** Most samples that run together. Default 32. */
  maxBatchSize?: number;
  /**
   * Milliseconds that a sample may wait for others while the model is free. Default 0: what arrived in the same turn of the
   * event loop, or while the batch before was running, runs together; nobody waits for what may never come.
   */
  maxDelay?: number;
  /** Most samples that wait; further ones are refused with a `QueueFullError`. Default 1024. */
  maxQueue?: number;
  /** The shape of a sample, without the batch axis: another one is refused at once. Default: only equal shapes run together. */
  inputShape?: readonly number[];
  /** Samples are converted to it. Default: as they are (numbers float32, a typed array its own type). */
  dtype?: DType;
}

export type Settings = Required<Omit<MicroBatcherOptions, 'inputShape' | 'dtype'>> &
  Pick<MicroBatcherOptions, 'inputShape' | 'dtype'>;

const OP = 'MicroBatcher';
/** What setTimeout takes. */
const LONGEST_DELAY = 2 ** 31 - 1;

export function checkSettings(options: MicroBatcherOptions): Settings {
  checkOptions(OP, options);
  const { maxBatchSize = 32, maxDelay = 0, maxQueue = 1024, inputShape, dtype } = options;
  const count = (name: string, value: number): void => {
    if (Number.isSafeInteger(value) && value >= 1) return;
    throw new ArgumentError(OP, `${name} must be an integer of at least 1, got ${valueText(value)}`, value);
  };
  count('maxBatchSize', maxBatchSize);
  count('maxQueue', maxQueue);
  if (typeof maxDelay !== 'number' || !(maxDelay >= 0 && maxDelay <= LONGEST_DELAY)) {
    const range = `milliseconds from 0 to ${LONGEST_DELAY}`;
    throw new ArgumentError(OP, `maxDelay must be ${range}, got ${valueText(maxDelay)}`, maxDelay);
  }
  if (inputShape !== undefined) {
    const whole = Array.isArray(inputShape) && inputShape.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!whole) throw new ArgumentError(OP, `inputShape must be sizes, got ${valueText(inputShape)}`, inputShape);
  }
  if (dtype !== undefined) checkDType(OP, dtype);
  return { maxBatchSize, maxDelay, maxQueue, inputShape: inputShape && [...inputShape], dtype };
}

/** The sample as a tensor of the batcher's own, in no scope. */
export function toInput(sample: Sample, { inputShape, dtype }: Settings): Tensor {
  return runInFrame({ scope: null, grad: false }, () => {
    if (sample instanceof Tensor) {
      sample._handle('MicroBatcher.predict');
      if (inputShape) checkSampleShape(sample.shape, inputShape);
      return dtype === undefined || dtype === sample.dtype ? sample.detach() : sample.to(dtype);
    }
    const known = Array.isArray(sample) || dtypeOfArray(sample) !== undefined;
    if (!known && !['number', 'bigint', 'boolean'].includes(typeof sample)) {
      const rule = 'a sample must be a Tensor, a typed array, nested arrays or a number';
      throw new ArgumentError('MicroBatcher.predict', `${rule}, got ${valueText(sample)}`, sample);
    }
    if (!inputShape) return tensor(sample, { dtype });
    // A flat list fills the shape: that is how images come out of JSON and buffers.
    const flat = dtypeOfArray(sample) !== undefined || (Array.isArray(sample) && !Array.isArray(sample[0]));
    const size = flat ? (sample as ArrayLike<unknown>).length : undefined;
    const wanted = inputShape.reduce((a, b) => a * b, 1);
    if (size !== undefined && size !== wanted) checkSampleShape([size], inputShape);
    if (flat) return tensor(sample, { shape: inputShape, dtype });
    const input = tensor(sample, { dtype });
    if (!sameShape(input.shape, inputShape)) input.dispose();
    checkSampleShape(input.shape, inputShape);
    return input;
  });
}

function checkSampleShape(shape: readonly number[], wanted: readonly number[]): void {
  if (sameShape(shape, wanted)) return;
  const message = `a sample has shape ${shapeText(wanted)}, got ${shapeText(shape)}`;
  throw new ShapeError('MicroBatcher.predict', message, wanted, shape);
}
