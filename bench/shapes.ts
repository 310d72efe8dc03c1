// The rows of `npm run bench -- convolutions` and `gemm`. The shapes stand in bench/shapes, where the workers read them.
import { readFileSync } from 'node:fs';
import type { Case } from './case.js';

/** Input and output channels, size of the image, kernel, stride, padding, groups, `up` for a transposed one. */
export type ConvolutionShape = readonly [number, number, number, number, number, number, number?, 'up'?];

interface Network {
  readonly net: string;
  readonly batch: number;
  readonly layers: readonly ConvolutionShape[];
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`shapes/${name}.json`, import.meta.url), 'utf8'));

export const NETWORKS = read('convolutions') as readonly Network[];
export const PRODUCTS = read('products') as Readonly<Record<string, readonly (readonly [number, number, number])[]>>;
export const PASSES = ['forward', 'data', 'weight'] as const;
export const TRANSPOSES = ['nn', 'nt', 'tn', 'tt'] as const;

const PASS_TEXT = { forward: 'forward', data: 'backward of the data', weight: 'backward of the weights' };

/** Multiplications and additions of the plain algorithm; the same for all three passes. */
export function convolutionFlops(
  batch: number,
  [inputs, outputs, size, kernel, stride, padding, groups = 1, up]: ConvolutionShape,
): number {
  const side = up ? size : Math.floor((size + 2 * padding - kernel) / stride) + 1;
  return (2 * batch * side * side * kernel * kernel * inputs * outputs) / groups;
}

/** What the issue asks of a layer: 3 x 3 with stride 1 by its channels, and level with PyTorch for the rest. */
function convolutionTarget([inputs, outputs, , kernel, stride, , groups = 1, up]: ConvolutionShape): number {
  const channels = Math.max(inputs, outputs);
  if (kernel !== 3 || stride !== 1 || groups > 1 || up) return 1;
  if (Math.min(inputs, outputs) < 16) return 1;
  if (channels <= 128) return 2.2;
  return channels <= 256 ? 1.8 : 1.05;
}

/** `resnet18/64-64/56/k3 forward`: the workers find the shape by it. */
export function convolutionName(
  net: string,
  [inputs, outputs, size, kernel, stride, , groups = 1, up]: ConvolutionShape,
): string {
  const kind = `k${kernel}${stride > 1 ? `s${stride}` : ''}${groups > 1 ? 'dw' : ''}${up ?? ''}`;
  return `${net}/${inputs}-${outputs}/${size}/${kind}`;
}

export const CONVOLUTION_CASES: readonly Case[] = NETWORKS.flatMap(({ net, batch, layers }) =>
  layers.flatMap((shape) => {
    const [inputs, outputs, size, kernel, stride, padding, groups = 1, up] = shape;
    const how = [
      `${kernel}x${kernel}`,
      ...(stride > 1 ? [`stride ${stride}`] : []),
      ...(padding !== kernel >> 1 ? [`padding ${padding}`] : []),
      ...(groups > 1 ? ['depthwise'] : []),
      ...(up ? ['transposed'] : []),
    ].join(', ');
    return PASSES.map((pass) => ({
      name: `${convolutionName(net, shape)} ${pass}`,
      text: `${net}, ${inputs} to ${outputs} channels, ${size}x${size}, batch ${batch}, ${how}: ${PASS_TEXT[pass]}`,
      flops: convolutionFlops(batch, shape),
      target: convolutionTarget(shape),
    }));
  }),
);

/** The cases of {@link TRANSPOSES}, and those that a linear layer takes in bfloat16. */
const PRODUCT_KINDS = [...TRANSPOSES, 'nn/bfloat16', 'nt/bfloat16'];

export const PRODUCT_CASES: readonly Case[] = Object.entries(PRODUCTS).flatMap(([kind, shapes]) =>
  shapes.flatMap(([m, k, n]) =>
    PRODUCT_KINDS.map((how) => ({
      name: `${m}x${k}x${n} ${how}`,
      text: `[${m}, ${k}] by [${k}, ${n}], ${how}`,
      flops: 2 * m * k * n,
      target: kind === 'square' ? 1 : 1.1,
    })),
  ),
);
