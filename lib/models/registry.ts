// Models by torchvision's names.
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { editDistance } from '../text/edit-distance.js';
import { type NamePattern, nameMatcher } from './patterns.js';
import { alexnet, alexnet2012 } from './vision/alexnet.js';
import { convnextBase, convnextLarge, convnextSmall, convnextTiny } from './vision/convnext.js';
import { densenet121, densenet161, densenet169, densenet201 } from './vision/densenet.js';
import * as efficientnet from './vision/efficientnet.js';
import { googlenet } from './vision/googlenet.js';
import { inceptionV3 } from './vision/inception.js';
import { lenet5, lenet5_1998 } from './vision/lenet.js';
import { mobilenetV2, mobilenetV3Large, mobilenetV3Small } from './vision/mobilenet.js';
import { nin, ninCifar } from './vision/nin.js';
import * as resnet from './vision/resnet.js';
import * as preact from './vision/resnet-preact.js';
import * as small from './vision/resnet-small.js';
import { squeezenet1_0, squeezenet1_1 } from './vision/squeezenet.js';
import { vgg11, vgg11Bn, vgg13, vgg13Bn, vgg16, vgg16Bn, vgg19, vgg19Bn } from './vision/vgg.js';
import { r3d18 } from './vision/video-resnet.js';
import * as vit from './vision/vision-transformer.js';

/** One line per model, by its name in torchvision; its own form where torchvision has none. In the order of the years. */
const BUILDERS = {
  lenet5_1998,
  lenet5,
  alexnet_2012: alexnet2012,
  alexnet,
  nin,
  nin_cifar: ninCifar,
  vgg11,
  vgg11_bn: vgg11Bn,
  vgg13,
  vgg13_bn: vgg13Bn,
  vgg16,
  vgg16_bn: vgg16Bn,
  vgg19,
  vgg19_bn: vgg19Bn,
  googlenet,
  inception_v3: inceptionV3,
  squeezenet1_0,
  squeezenet1_1,
  densenet121,
  densenet161,
  densenet169,
  densenet201,
  resnet18: resnet.resnet18,
  resnet34: resnet.resnet34,
  resnet50: resnet.resnet50,
  resnet101: resnet.resnet101,
  resnet152: resnet.resnet152,
  plain18: resnet.plain18,
  plain34: resnet.plain34,
  resnet20: small.resnet20,
  resnet32: small.resnet32,
  resnet44: small.resnet44,
  resnet56: small.resnet56,
  resnet110: small.resnet110,
  plain20: small.plain20,
  plain32: small.plain32,
  plain44: small.plain44,
  plain56: small.plain56,
  preact_resnet18: preact.preactResnet18,
  preact_resnet34: preact.preactResnet34,
  preact_resnet50: preact.preactResnet50,
  preact_resnet101: preact.preactResnet101,
  preact_resnet152: preact.preactResnet152,
  resnext50_32x4d: resnet.resnext50_32x4d,
  resnext101_32x8d: resnet.resnext101_32x8d,
  resnext101_64x4d: resnet.resnext101_64x4d,
  wide_resnet50_2: resnet.wideResnet50_2,
  wide_resnet101_2: resnet.wideResnet101_2,
  r3d_18: r3d18,
  mobilenet_v2: mobilenetV2,
  mobilenet_v3_large: mobilenetV3Large,
  mobilenet_v3_small: mobilenetV3Small,
  efficientnet_b0: efficientnet.efficientnetB0,
  efficientnet_b1: efficientnet.efficientnetB1,
  efficientnet_b2: efficientnet.efficientnetB2,
  efficientnet_b3: efficientnet.efficientnetB3,
  efficientnet_b4: efficientnet.efficientnetB4,
  efficientnet_b5: efficientnet.efficientnetB5,
  efficientnet_b6: efficientnet.efficientnetB6,
  efficientnet_b7: efficientnet.efficientnetB7,
  vit_b_16: vit.vitB16,
  vit_b_32: vit.vitB32,
  vit_l_16: vit.vitL16,
  vit_l_32: vit.vitL32,
  vit_h_14: vit.vitH14,
  vit_s_16: vit.vitS16,
  vit_ti_16: vit.vitTi16,
  convnext_tiny: convnextTiny,
  convnext_small: convnextSmall,
  convnext_base: convnextBase,
  convnext_large: convnextLarge,
} as const;

type Builders = typeof BUILDERS;

/** A name that {@link create} takes. */
export type ModelName = keyof Builders;
/** The options of the model of this name. */
export type ModelOptions<N extends ModelName> = NonNullable<Parameters<Builders[N]>[0]>;
/** The class of the model of this name. */
export type ModelOf<N extends ModelName> = ReturnType<Builders[N]>;

const NAMES = Object.keys(BUILDERS) as ModelName[];

/** Options of {@link list}. */
export interface ListOptions {
  /** Names that fit, such as `'resnet*'` or `/_bn$/`. Default: all. */
  filter?: NamePattern;
  /** Names that are left out. Default: none. */
  exclude?: NamePattern;
}

/**
 * The names of the models, sorted: `models.list({ filter: 'vgg*' })`.
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.models.list_models.html
 */
export function list(options: ListOptions = {}): ModelName[] {
  checkOptions('list', options);
  const wanted = options.filter === undefined ? () => true : nameMatcher('list', options.filter);
  const refused = options.exclude === undefined ? () => false : nameMatcher('list', options.exclude);
  return NAMES.filter((name) => wanted(name) && !refused(name)).sort();
}

/** The three names with the fewest letters to change. */
function nearest(name: string): string {
  const wanted = name.toLowerCase();
  const ranked = NAMES.map((known) => ({ known, distance: editDistance([...wanted], [...known]) }));
  ranked.sort((a, b) => a.distance - b.distance);
  return ranked
    .slice(0, 3)
    .map(({ known }) => known)
    .join(', ');
}

/**
 * A model by its name in torchvision, with the options of its function, and without trained weights:
 * `models.create('vgg16_bn', { numClasses: 10 })` is `models.vgg16Bn({ numClasses: 10 })`.
 * @throws ArgumentError with the nearest names when there is none of this name.
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.models.get_model.html
 */
export function create<N extends ModelName>(name: N, options?: ModelOptions<N>): ModelOf<N> {
  if (typeof name !== 'string' || !Object.hasOwn(BUILDERS, name)) {
    const near = typeof name === 'string' ? `; nearest: ${nearest(name)}` : '';
    throw new ArgumentError('create', `there is no model ${valueText(name)}${near}`, name);
  }
  const build = BUILDERS[name] as unknown as (options?: ModelOptions<N>) => ModelOf<N>;
  return build(options);
}
