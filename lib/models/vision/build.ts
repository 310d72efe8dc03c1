// What the image models share: the options of all of them and the way their parameters begin.
import { withoutInitialValues } from '../../nn/fill.js';
import { type AnyModule, BatchNorm2d, BatchNorm3d, Conv2d, Conv3d, init, Linear } from '../../nn/index.js';
import { checkSize } from '../../nn/linear.js';
import { checkOptions } from '../../tensor/check.js';

/** Options of every classifier. */
export interface ClassifierOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Channels of the images. Default 3. */
  inChannels?: number;
}

/** Options of the classifiers with dropout. */
export interface DropoutOptions extends ClassifierOptions {
  /** Probability of dropout before the last layers. Default 0.5, another one where it is said. */
  dropout?: number;
}

/** Throws unless these can be options of a classifier; the numbers of channels and of classes. @internal */
export function checkClassifier(
  op: string,
  options: ClassifierOptions,
  byDefault: Required<ClassifierOptions> = { numClasses: 1000, inChannels: 3 },
): Required<ClassifierOptions> {
  checkOptions(op, options);
  const { numClasses = byDefault.numClasses, inChannels = byDefault.inChannels } = options;
  checkSize(op, 'numClasses', numClasses);
  checkSize(op, 'inChannels', inChannels);
  return { numClasses, inChannels };
}

/** How each kind of layer begins; kinds that are left out begin as their layers do. @internal */
export interface InitialValues {
  conv?(layer: Conv2d | Conv3d): void;
  linear?(layer: Linear): void;
}

/** Normalizations begin as their layers do: scale 1, shift 0. @internal */
export function initialize(model: AnyModule, { conv, linear }: InitialValues): void {
  for (const layer of model.modules()) {
    if (layer instanceof Conv2d || layer instanceof Conv3d) conv?.(layer);
    else if (layer instanceof Linear) linear?.(layer);
    else if (layer instanceof BatchNorm2d || layer instanceof BatchNorm3d) layer.resetParameters();
  }
}

/** Builds layers whose initial values all are written later; `later` false builds them as they begin by themselves. @internal */
export const built = <R>(later: boolean, make: () => R): R => (later ? withoutInitialValues(make) : make());

/** A bias of zeros, where there is one. @internal */
export function zeroBias(layer: { readonly bias: Parameters<typeof init.zeros_>[0] | null }): void {
  if (layer.bias) init.zeros_(layer.bias);
}
