// A convolution, its ReLU and max pooling as one op: what lies between them is never kept, and Winograd's convolutions
// never write it.
import { native } from '../../native.js';
import { channelsLastStrides } from '../../tensor/layout.js';
import { emptyStrided, type Tensor } from '../../tensor/tensor.js';
import { defineOp } from '../define.js';
import { contiguous, kernelLayout, squeeze } from '../shape/view.js';
import { convGradients, convOperands } from './conv.js';
import { type ConvOptions, geometryOf, kernelSizes, outputShape } from './conv-geometry.js';
import { DEAD_PLACE, type MaxPoolOptions, maxPoolGradient } from './pool-max.js';
import { slidingWindows, type Windows } from './pool-windows.js';
import { rectifiedMemory } from './rectified.js';

type Shape = readonly number[];

const convolutionMaxPoolOp = defineOp({
  name: 'convolutionMaxPool',
  inputs: ['input', 'weight', 'bias?'],
  forward: (
    x: Tensor,
    weight: Tensor,
    bias: Tensor | null,
    shape: Shape,
    sizes: Int32Array,
    windows: Windows,
  ): readonly Tensor[] => {
    const strides = channelsLastStrides(windows.shape);
    const out = emptyStrided(windows.shape, strides, x.dtype);
    const places = emptyStrided(windows.shape, strides, 'uint8');
    const b = bias?._id ?? 0;
    if (native.convolutionMaxPool(out._id, places._id, x._id, weight._id, b, sizes, windows.numbers))
      return [out, places];
    const full = emptyStrided(shape, channelsLastStrides(shape), x.dtype);
    native.convolution(full._id, x._id, weight._id, b, 0, sizes, 1);
    native.maxPool(out._id, places._id, full._id, windows.numbers, true);
    full.dispose();
    return [out, places];
  },
  save: ([, places], x, weight, _bias, shape, sizes, windows) => ({
    ...{ places, x, weight, shape, sizes, windows },
    rectified: rectifiedMemory(x),
  }),
  backward: ([grad], { places, x, weight, shape, sizes, windows, rectified }, needs) =>
    convGradients(maxPoolGradient(grad, places, shape, windows), x, weight, sizes, rectified, needs),
});

/**
 * @internal `maxPool(relu(conv(x)))` over `dims` axes with the bits of the separate ops; null where a window does not fit
 * or has too many positions for a byte.
 */
export function convReluMaxPool(
  dims: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ConvOptions<unknown>,
  kernelSize: unknown,
  pool: MaxPoolOptions<unknown>,
): Tensor | null {
  const op = `conv${dims}d`;
  const [batch, b] = convOperands(op, dims, x, weight, bias, options);
  const geometry = geometryOf(op, dims, weight.shape, options);
  const shape = outputShape(op, batch.shape, weight.shape, b?.shape ?? null, geometry);
  const windows = windowsOver(shape, kernelSize, pool);
  if (!windows || windows.positions > DEAD_PLACE) return null;
  const input = contiguous(batch, 'channelsLast');
  const [out, places] = convolutionMaxPoolOp(input, kernelLayout(weight), b, shape, kernelSizes(geometry), windows);
  places.dispose(); // what backward needs stays
  return x === batch ? out : squeeze(out, 0);
}

function windowsOver(shape: Shape, kernelSize: unknown, pool: MaxPoolOptions<unknown>): Windows | null {
  if (shape.slice(1).includes(0)) return null;
  try {
    return slidingWindows('maxPool', shape, kernelSize, pool);
  } catch {
    return null; // the pooling itself says why
  }
}
