// Models by torchvision's names.
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { editDistance } from '../text/edit-distance.js';
import { alexnet, alexnet2012 } from './vision/alexnet.js';
import { densenet121, densenet161, densenet169, densenet201 } from './vision/densenet.js';
import { googlenet } from './vision/googlenet.js';
import { inceptionV3 } from './vision/inception.js';
import { lenet5, lenet5_1998 } from './vision/lenet.js';
import { nin, ninCifar } from './vision/nin.js';
import { squeezenet1_0, squeezenet1_1 } from './vision/squeezenet.js';
import { vgg11, vgg11Bn, vgg13, vgg13Bn, vgg16, vgg16Bn, vgg19, vgg19Bn } from './vision/vgg.js';

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
} as const;

type Builders = typeof BUILDERS;

/** A name that {@link create} takes. */
export type ModelName = keyof Builders;
/** The options of the model of this name. */
export type ModelOptions<N extends ModelName> = NonNullable<Parameters<Builders[N]>[0]>;
/** The class of the model of this name. */
export type ModelOf<N extends ModelName> = ReturnType<Builders[N]>;

const NAMES = Object.keys(BUILDERS) as ModelName[];

/** One pattern, or several of which one must fit: a name with `*` and `?` for letters, or a regular expression. */
export type NamePattern = string | RegExp | readonly (string | RegExp)[];

/** Options of {@link list}. */
export interface ListOptions {
  /** Names that fit, such as `'resnet*'` or `/_bn$/`. Default: all. */
  filter?: NamePattern;
  /** Names that are left out. Default: none. */
  exclude?: NamePattern;
}

function matcher(op: string, pattern: NamePattern): (name: string) => boolean {
  const list = (Array.isArray(pattern) ? pattern : [pattern]) as readonly (string | RegExp)[];
  const tests = list.map((one) => {
    if (one instanceof RegExp) return new RegExp(one.source, one.flags.replace(/[gy]/g, ''));
    if (typeof one !== 'string') {
      throw new ArgumentError(op, `a pattern must be a string or a regular expression, got ${valueText(one)}`, one);
    }
    const escaped = one
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    return new RegExp(`^${escaped}$`);
  });
  return (name) => tests.some((test) => test.test(name));
}

/**
 * The names of the models, sorted: `models.list({ filter: 'vgg*' })`.
 * Source: https://docs.pytorch.org/vision/0.28/generated/torchvision.models.list_models.html
 */
export function list(options: ListOptions = {}): ModelName[] {
  checkOptions('list', options);
  const wanted = options.filter === undefined ? () => true : matcher('list', options.filter);
  const refused = options.exclude === undefined ? () => false : matcher('list', options.exclude);
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
