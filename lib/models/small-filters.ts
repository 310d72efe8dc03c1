import { ArgumentError, valueText } from '../errors.js';
import { Conv2d, type Module, ReLU, Sequential } from '../nn/index.js';
import { checkSize } from '../nn/linear.js';
import { checkOptions } from '../tensor/check.js';

/** Options of {@link toSmallFilters}. */
export interface SmallFiltersOptions {
  /** Channels between the small filters. Default: those of the output. */
  channels?: number;
  /** A ReLU between the small filters. Default true. */
  relu?: boolean;
}

/**
 * 3 × 3 convolutions in the place of a larger one, k × k with k odd, that see the same places and give the same size: two
 * for 5 × 5, three for 7 × 7. They begin anew; the numbers of the large filter cannot be kept. Input `[N, I, H, W]`, output
 * `[N, O, H', W']`. The last one has the stride.
 *
 * @example
 * const conv = new nn.Conv2d(64, 64, 5, { padding: 2 }); // 102,464 parameters
 * models.toSmallFilters(conv); // 73,856
 *
 * @throws ArgumentError for even or unequal sizes, 1 × 1, dilation, groups, or padding that cannot be shared out
 * Source: Simonyan & Zisserman, https://arxiv.org/abs/1409.1556, section 2.3
 */
export function toSmallFilters(conv: Conv2d, options: SmallFiltersOptions = {}): Sequential {
  const op = 'toSmallFilters';
  checkOptions(op, options);
  if (!(conv instanceof Conv2d)) throw new ArgumentError(op, `a Conv2d is needed, got ${valueText(conv)}`, conv);
  const { kernelSize, padding, stride, dilation, groups, inChannels, outChannels, paddingMode } = conv;
  const [size] = kernelSize;
  const fits = size % 2 === 1 && size > 1 && kernelSize[1] === size;
  if (!fits || groups !== 1 || dilation.some((step) => step !== 1)) {
    throw new ArgumentError(op, `an odd square kernel without groups and dilation is needed, got ${conv}`, conv);
  }
  const count = (size - 1) / 2;
  const whole = padding === 'valid' ? [0, 0] : padding === 'same' ? [count, count] : padding;
  if (whole.some((n) => n % count !== 0)) {
    throw new ArgumentError(op, `padding must be a multiple of ${count}, got ${valueText(padding)}`, padding);
  }
  const { channels = outChannels, relu = true } = options;
  checkSize(op, 'channels', channels);
  const { dtype } = conv.weight;
  const layers: Module[] = [];
  for (let i = 0; i < count; i++) {
    const last = i === count - 1;
    const small = new Conv2d(i === 0 ? inChannels : channels, last ? outChannels : channels, 3, {
      stride: last ? [stride[0], stride[1]] : 1,
      padding: [whole[0] / count, whole[1] / count],
      paddingMode,
      bias: conv.bias !== null,
      dtype,
    });
    layers.push(small, ...(relu && !last ? [new ReLU()] : []));
  }
  return new Sequential(...layers);
}
