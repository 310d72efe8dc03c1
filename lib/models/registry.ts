// Models by torchvision's names.
import { ArgumentError, valueText } from '../errors.js';
import { checkOptions } from '../tensor/check.js';
import { editDistance } from '../text/edit-distance.js';
import { alexnet } from './vision/alexnet.js';

/** One line per model, by its name in torchvision; its own form where torchvision has none. In the order of the years. */
const BUILDERS = {
  alexnet,
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
