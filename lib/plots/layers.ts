// What a network has learned and what it makes of an input: weights and feature maps as pictures.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { type AnyModule, Module } from '../nn/module.js';
import { checkTensor } from '../tensor/check.js';
import '../tensor/read.js';
import { noGrad } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import { requireImagePath } from './render.js';
import { diverging, sequential } from './style.js';
import { saveTiles, type Tile } from './tiles.js';

/** How {@link saveFilters} and {@link saveActivations} draw. */
export interface TileOptions {
  readonly title?: string;
  /** Pictures per row. Default: as near to a square as it gets, at most 16. */
  readonly columns?: number;
  /** Size of the larger side of a picture on the page. Default 64 for filters, 96 for activations. */
  readonly size?: number;
  /** Draw so many at most. Default 64. */
  readonly limit?: number;
}

const defaultColumns = (count: number): number => Math.max(1, Math.min(16, Math.ceil(Math.sqrt(count))));

/** One value for a broken model: NaN is drawn as the lowest. */
const finite = (values: Float32Array): Float32Array => values.map((v) => (Number.isFinite(v) ? v : 0));

/**
 * Draws the kernels of a convolution, as PNG or SVG, whichever the path ends with: one colour picture for each filter over
 * three channels, otherwise one picture for each filter and channel, blue for negative and red for positive weights, all on
 * one scale. Needs the package sharp.
 *
 * @param weight a module with a weight `[O, I, H, W]`, or the weight itself
 * @throws MissingPackageError when sharp is not installed
 * @throws ShapeError when the weight has no two axes of space
 * @example
 * await saveFilters(new nn.Conv2d(1, 16, 5), 'filters.png');
 */
export async function saveFilters(weight: AnyModule | Tensor, path: string, options: TileOptions = {}): Promise<void> {
  const op = 'saveFilters';
  requireImagePath(op, path);
  const kernel = weight instanceof Module ? Reflect.get(weight, 'weight') : weight;
  if (!(kernel instanceof Tensor)) {
    throw new ArgumentError(op, `a weight or a module that has one is needed, got ${valueText(weight)}`, weight);
  }
  checkTensor(op, kernel, 'weight');
  const [filters, channels, height, width] = kernel.shape;
  if (kernel.ndim !== 4 || kernel.numel === 0) {
    throw new ShapeError(op, `a weight [O, I, H, W] is needed, got ${shapeText(kernel.shape)}`, kernel.shape);
  }
  const { limit = 64, size = 64, title = 'Filters' } = options;
  const values = finite(await readFloats(kernel));
  const color = channels === 3;
  const plane = height * width * (color ? 3 : 1);
  const all = values.length / plane;
  const shown = Math.min(all, limit);
  const largest = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;
  const tiles = Array.from({ length: shown }, (_, i): Tile => {
    const caption = color || channels === 1 ? String(i) : `${Math.floor(i / channels)} · ${i % channels}`;
    return { values: values.subarray(i * plane, (i + 1) * plane), channels: color ? 3 : 1, caption };
  });
  const what = `${filters} filters, ${channels} channel${channels === 1 ? '' : 's'}, ${height} × ${width}`;
  const columns = options.columns ?? (!color && channels > 1 && channels <= 16 ? channels : defaultColumns(shown));
  const subtitle = shown < all ? `${what}; the first ${shown} of ${all} pictures` : what;
  const page = { tiles, height, width, title, subtitle, columns, size, colors: diverging };
  await saveTiles(op, { ...page, range: [-largest, largest] }, path);
}

/**
 * Draws the feature maps that a layer makes of one input, as PNG or SVG, whichever the path ends with: dark for the
 * smallest, yellow for the largest value of all. The model runs once, in evaluation mode. Needs the package sharp.
 *
 * @param layer a module of the model, or its path such as `features.0`
 * @param input what the model takes, with one sample `[1, ...]`; of several the first is drawn
 * @throws MissingPackageError when sharp is not installed
 * @throws ArgumentError when the layer does not run; ShapeError when it does not return `[N, C, H, W]`
 * @example
 * await saveActivations(model, 'features.0', image.unsqueeze(0), 'activations.png');
 */
export async function saveActivations(
  model: AnyModule,
  layer: AnyModule | string,
  input: Tensor,
  path: string,
  options: TileOptions = {},
): Promise<void> {
  const op = 'saveActivations';
  requireImagePath(op, path);
  checkTensor(op, input);
  const module = typeof layer === 'string' ? model.getSubmodule(layer) : layer;
  if (!(module instanceof Module))
    throw new ArgumentError(op, `layer must be a Module, got ${valueText(layer)}`, layer);
  const maps = outputOf(op, model, module, input);
  const [channels, height, width] = maps.shape;
  const read = readFloats(maps);
  maps.dispose();
  const values = finite(await read);
  const { limit = 64, size = 96, title = 'Activations' } = options;
  const shown = Math.min(channels, limit);
  const plane = height * width;
  const part = values.subarray(0, shown * plane);
  const low = part.reduce((least, v) => Math.min(least, v), Number.POSITIVE_INFINITY);
  const high = part.reduce((most, v) => Math.max(most, v), Number.NEGATIVE_INFINITY);
  const tiles = Array.from({ length: shown }, (_, i): Tile => {
    return { values: part.subarray(i * plane, (i + 1) * plane), channels: 1, caption: String(i) };
  });
  const name = typeof layer === 'string' ? `${layer}: ` : '';
  const what = `${name}${module.constructor.name}, ${channels} maps, ${height} × ${width}`;
  const subtitle = shown < channels ? `${what}; the first ${shown}` : what;
  const columns = options.columns ?? defaultColumns(shown);
  await saveTiles(
    op,
    { tiles, height, width, title, subtitle, columns, size, range: [low, high], colors: sequential },
    path,
  );
}

async function readFloats(x: Tensor): Promise<Float32Array> {
  const floats = noGrad(() => x.detach().to('float32'));
  const read = floats.data() as Promise<Float32Array>;
  floats.dispose();
  return Float32Array.from(await read);
}

/** What the module returns for the first sample, `[C, H, W]`, while the model runs. */
function outputOf(op: string, model: AnyModule, module: AnyModule, input: Tensor): Tensor {
  const modes = model.modules().map((one) => [one, one.training] as const);
  let seen: unknown = null;
  const hook = module.registerForwardHook((_, __, output) => {
    // A copy: a layer behind this one may work in place.
    seen ??= output instanceof Tensor && output.ndim === 4 ? output.detach().narrow(0, 0, 1).clone() : output;
    if (seen instanceof Tensor) seen.keep();
  });
  try {
    model.eval();
    noGrad(() => (model as unknown as Module).forward(input));
  } finally {
    hook.remove();
    for (const [one, training] of modes) one.training = training;
  }
  if (seen === null) throw new ArgumentError(op, 'the layer did not run in forward()', module);
  if (seen instanceof Tensor && seen.ndim === 4 && seen.numel > 0) {
    const map = seen.squeeze(0);
    seen.dispose();
    return map;
  }
  const shape = seen instanceof Tensor ? seen.shape : [];
  throw new ShapeError(op, `the layer must return [N, C, H, W], got ${shapeText(shape)}`, shape);
}
