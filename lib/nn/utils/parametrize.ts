/**
 * PyTorch's `torch.nn.utils.parametrize`: parameters and buffers that are functions of other ones.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.register_parametrization.html
 * @packageDocumentation
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { ArgumentError, DTypeError, ShapeError, shapeText, valueText } from '../../errors.js';
import { clone } from '../../ops/shape/view.js';
import { checkFunction, checkOptions, checkTensor } from '../../tensor/check.js';
import { currentFrame, type Frame, scopeOf } from '../../tensor/frame.js';
import { sameShape } from '../../tensor/layout.js';
import { noGrad } from '../../tensor/scope.js';
import { Tensor } from '../../tensor/tensor.js';
import { classOf, dropComputed, setComputed, setField } from '../computed.js';
import { ModuleList } from '../container.js';
import { type AnyModule, Module } from '../module.js';
import { isUninitialized, Parameter } from '../parameter.js';

/**
 * A module that makes a tensor from the original one, or from several. With `rightInverse`, the originals are initialised
 * from the tensor as it was, and the tensor can be assigned to.
 */
export type Parametrization = Module<never[], Tensor> & {
  /** What the parametrization makes the value from: the original, or several. */
  rightInverse?(value: Tensor): Tensor | readonly Tensor[];
};

/** Options of {@link registerParametrization}. */
export interface RegisterOptions {
  /** The tensor may change its shape and dtype; nothing is checked. Default false. */
  unsafe?: boolean;
}

const run = (module: Parametrization, ...inputs: readonly Tensor[]): Tensor =>
  (module as unknown as Module<readonly Tensor[]>).forward(...inputs);

/** Writes values to a tensor, which takes over another shape too. */
function assign(target: Tensor, value: Tensor): void {
  if (target === value) return;
  if (sameShape(target.shape, value.shape)) target.detach().copy_(value);
  else target._setData(clone(value));
}

/** Makes a parameter or buffer of a tensor. */
function hold(module: AnyModule, field: string, value: Tensor): void {
  if (value instanceof Parameter) setField(module, field, value);
  else module.registerBuffer(field, value);
}

function checkSame(op: string, before: Tensor, after: unknown, what: string): void {
  checkTensor(op, after, what);
  if (after.dtype !== before.dtype) {
    const text = `${what} changes the dtype from ${before.dtype} to ${after.dtype}; register it as unsafe`;
    throw new DTypeError(op, text, before.dtype, after.dtype);
  }
  if (!sameShape(after.shape, before.shape)) {
    const text = `${what} changes the shape from ${shapeText(before.shape)} to ${shapeText(after.shape)}; register it as unsafe`;
    throw new ShapeError(op, text, before.shape, after.shape);
  }
}

/**
 * The parametrizations of one tensor and what they start from: `original`, or `original0`, `original1`, ... when the first
 * `rightInverse` returns several tensors. `module.parametrizations.weight` is one.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.ParametrizationList.html
 */
export class ParametrizationList extends ModuleList<Parametrization> {
  /** The only original. */
  declare readonly original: Parameter | Tensor;
  unsafe: boolean;
  /** Number of originals `original0`, ...; null when there is one, `original`. */
  readonly count: number | null;

  /** @internal */
  constructor(first: Parametrization, tensor: Tensor, unsafe: boolean) {
    super([first]);
    this.unsafe = unsafe;
    const before = { shape: tensor.shape, dtype: tensor.dtype } as Tensor;
    const start = noGrad(() => (first.rightInverse ? first.rightInverse(tensor) : tensor));
    if (start instanceof Tensor) {
      this.count = null;
      if (start.dtype !== tensor.dtype) {
        const text = `rightInverse changes the dtype from ${tensor.dtype} to ${start.dtype}`;
        throw new DTypeError('registerParametrization', text, tensor.dtype, start.dtype);
      }
      noGrad(() => assign(tensor, start));
      hold(this, 'original', tensor);
    } else {
      const list = checkList('registerParametrization', start);
      this.count = list.length;
      list.forEach((given, i) => {
        // Two views of one tensor must not be trained through the same memory.
        const value = given._isView && given !== tensor ? clone(given.detach()) : given;
        const held = tensor instanceof Parameter ? new Parameter(value, tensor.requiresGrad) : value.detach();
        hold(this, `original${i}`, held);
      });
    }
    if (!unsafe) noGrad(() => checkSame('registerParametrization', before, this.value(), 'the parametrization'));
  }

  /** The originals in order. */
  originals(): Tensor[] {
    if (this.count === null) return [this.original];
    return Array.from({ length: this.count }, (_, i) => Reflect.get(this, `original${i}`) as Tensor);
  }

  override forward(): never;
  override forward(): Tensor {
    const [first, ...others] = this.items;
    return others.reduce((x, module) => run(module, x), run(first, ...this.originals()));
  }

  /** The value of the tensor now. */
  value(): Tensor {
    return this.forward() as Tensor;
  }

  /**
   * Sets the originals so that the tensor becomes `value`: what an assignment to the tensor does.
   * @throws ArgumentError when a parametrization has no `rightInverse`.
   */
  rightInverse(value: Tensor): void {
    const op = 'ParametrizationList.rightInverse';
    checkTensor(op, value, 'value');
    noGrad(() => {
      let current: Tensor | readonly Tensor[] = value;
      for (const module of [...this.items].reverse()) {
        if (!module.rightInverse) {
          throw new ArgumentError(op, `${module.constructor.name} has no rightInverse`, module.constructor.name);
        }
        current = module.rightInverse(current as Tensor);
      }
      const values = current instanceof Tensor ? [current] : checkList(op, current);
      const targets = this.originals();
      if (values.length !== targets.length) {
        throw new ArgumentError(op, `rightInverse returned ${values.length} tensors, expected ${targets.length}`);
      }
      values.forEach((tensor, i) => {
        if (tensor.dtype !== targets[i].dtype) {
          const text = `rightInverse returned ${tensor.dtype}, the original is ${targets[i].dtype}`;
          throw new DTypeError(op, text, tensor.dtype, targets[i].dtype);
        }
        assign(targets[i], tensor);
      });
    });
  }
}

function checkList(op: string, value: unknown): readonly Tensor[] {
  if (Array.isArray(value) && value.every((item) => item instanceof Tensor)) return value;
  throw new ArgumentError(op, `rightInverse must return a tensor or several, got ${valueText(value)}`, value);
}

/** The lists of a module by field. */
class Parametrizations extends Module<never[], never> {
  /** @throws ArgumentError always. */
  forward(): never {
    throw new ArgumentError('parametrizations', 'has no forward');
  }
}
// Prints as in PyTorch, where it is a dictionary of modules.
Object.defineProperty(Parametrizations, 'name', { value: 'ModuleDict' });

declare module '../module.js' {
  interface Module<Inputs extends readonly unknown[] = [Tensor], Output = Tensor> {
    /** The {@link ParametrizationList} of each parametrized field: `layer.parametrizations?.weight.original`. */
    parametrizations?: AnyModule & Readonly<Record<string, ParametrizationList>>;
  }
}

const listOf = (module: AnyModule, field: string): ParametrizationList | undefined => {
  const all = module.parametrizations;
  return all && Object.hasOwn(all, field) && all[field] instanceof ParametrizationList ? all[field] : undefined;
};

interface Cache {
  readonly values: Map<ParametrizationList, Tensor>;
  readonly frame: Frame;
}

const caches = new AsyncLocalStorage<Cache>();
let cachesUsed = false; // getStore() is asked only once somebody has opened a cache

function currentValue(list: ParametrizationList): Tensor {
  const cache = cachesUsed ? caches.getStore() : undefined;
  if (!cache) return list.value();
  const known = cache.values.get(list);
  if (known) return known;
  const value = list.value().keep();
  scopeOf(cache.frame)?.add(value);
  cache.values.set(list, value);
  return value;
}

/**
 * Runs `fn`, which may be async; a parametrized tensor that is used several times meanwhile is computed once. Values are
 * forgotten at the end.
 *
 * @example
 * const output = nn.utils.parametrize.cached(() => model.forward(x));
 *
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.cached.html
 */
export function cached<R>(fn: () => R): R {
  checkFunction('cached', fn);
  cachesUsed = true;
  if (caches.getStore()) return fn();
  return caches.run({ values: new Map(), frame: currentFrame() }, fn);
}

const fieldOf = (field: string) => ({
  prefix: 'Parametrized',
  get: (module: AnyModule) => currentValue(listOf(module, field) as ParametrizationList),
  set: (module: AnyModule, value: Tensor) => (listOf(module, field) as ParametrizationList).rightInverse(value),
});

function checkModule(op: string, module: unknown, name = 'module'): asserts module is AnyModule {
  if (module instanceof Module) return;
  throw new ArgumentError(op, `${name} must be a Module, got ${valueText(module)}`, module);
}

/**
 * Makes a parameter or buffer of a module the result of `parametrization`: reading the field computes it, gradients go
 * through it to the original, which stands under `module.parametrizations.<field>.original` and in the state dict under
 * `parametrizations.<name>.original`. Further parametrizations of the same field are applied to the result. The module
 * itself is changed and returned; its class prints as `ParametrizedLinear`.
 *
 * @example
 * class Symmetric extends nn.Module {
 *   forward(x: Tensor) { return x.triu().add(x.triu(1).mT); }
 *   rightInverse(a: Tensor) { return a.triu(); }
 * }
 * const layer = nn.utils.parametrize.registerParametrization(new nn.Linear(5, 5), 'weight', new Symmetric());
 *
 * @throws ArgumentError when the field is no parameter or buffer; ShapeError or DTypeError when the parametrization changes
 * shape or dtype and is not registered as unsafe.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.register_parametrization.html
 */
export function registerParametrization<M extends AnyModule>(
  module: M,
  field: string,
  parametrization: Parametrization,
  options: RegisterOptions = {},
): M {
  const op = 'registerParametrization';
  checkModule(op, module);
  checkModule(op, parametrization, 'parametrization');
  checkOptions(op, options);
  const { unsafe = false } = options;
  parametrization.train(module.training);
  const list = listOf(module, field);
  if (list) {
    if (!unsafe) noGrad(() => checkNext(op, Reflect.get(module, field) as Tensor, parametrization));
    list.push(parametrization);
    list.unsafe ||= unsafe;
    return module;
  }
  const tensor: unknown = Object.hasOwn(module, field) ? Reflect.get(module, field) : null;
  if (!(tensor instanceof Parameter) && !(tensor instanceof Tensor && module._hasBuffer(field))) {
    throw new ArgumentError(op, `${classOf(module).name} has no parameter or buffer ${valueText(field)}`, field);
  }
  if (isUninitialized(tensor)) {
    throw new ArgumentError(op, `the shape of ${field} is not known yet; run the lazy module once before`, field);
  }
  const added = new ParametrizationList(parametrization, tensor, unsafe);
  module._dropBuffer(field);
  setComputed(module, field, fieldOf(field));
  if (!module.parametrizations) setField(module, 'parametrizations', new Parametrizations().train(module.training));
  setField(module.parametrizations as AnyModule, field, added.train(module.training));
  return module;
}

function checkNext(op: string, before: Tensor, parametrization: Parametrization): void {
  const after = run(parametrization, before);
  checkSame(op, before, after, 'the parametrization');
  if (parametrization.rightInverse) checkSame(op, before, parametrization.rightInverse(after), 'rightInverse');
}

/**
 * Whether a field of the module is parametrized; any field without a name.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.is_parametrized.html
 */
export function isParametrized(module: AnyModule, field?: string): boolean {
  checkModule('isParametrized', module);
  return field === undefined ? module.parametrizations !== undefined : listOf(module, field) !== undefined;
}

/** Options of {@link removeParametrizations}. */
export interface RemoveOptions {
  /** The field keeps the value it has now; otherwise it gets back the original. Default true. */
  leaveParametrized?: boolean;
}

/**
 * Makes a parametrized field a plain parameter or buffer again. With one original this is the same object as before, so
 * that optimizers need not be told.
 * @throws ArgumentError when the field is not parametrized, or several originals cannot take its place
 * (`leaveParametrized: false`).
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.remove_parametrizations.html
 */
export function removeParametrizations<M extends AnyModule>(module: M, field: string, options: RemoveOptions = {}): M {
  const op = 'removeParametrizations';
  checkModule(op, module);
  checkOptions(op, options);
  const list = listOf(module, field);
  if (!list) {
    throw new ArgumentError(op, `${classOf(module).name} has no parametrization of ${valueText(field)}`, field);
  }
  const { leaveParametrized = true } = options;
  if (list.count !== null && !leaveParametrized) {
    throw new ArgumentError(op, `${field} is made of ${list.count} originals: none of them can take its place`);
  }
  const value = leaveParametrized ? noGrad(() => list.value()) : list.original;
  let result: Tensor = value;
  if (list.count === null) {
    noGrad(() => assign(list.original, value));
    result = list.original;
  } else if (list.originals().some((original) => original instanceof Parameter)) {
    result = new Parameter(
      value,
      list.originals().some((original) => original.requiresGrad),
    );
  }
  dropComputed(module, field);
  const all = module.parametrizations as AnyModule;
  Reflect.deleteProperty(all, field);
  if (all.children().length === 0) Reflect.deleteProperty(module, 'parametrizations');
  hold(module, field, result);
  return module;
}

/**
 * The class of a module before it was parametrized.
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.type_before_parametrizations.html
 */
export function typeBeforeParametrizations(module: AnyModule): { readonly name: string } {
  checkModule('typeBeforeParametrizations', module);
  return classOf(module);
}

/**
 * Gives `to` the parametrizations of `from`, of one field or of all: the same modules and the same originals. A field that
 * `to` does not have is made.
 * @returns `to`
 * Source: https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parametrize.transfer_parametrizations_and_params.html
 */
export function transferParametrizationsAndParams<M extends AnyModule>(from: AnyModule, to: M, field?: string): M {
  const op = 'transferParametrizationsAndParams';
  checkModule(op, from, 'from');
  checkModule(op, to, 'to');
  const fields = field === undefined ? Object.keys(from.parametrizations ?? {}) : [field];
  for (const name of fields) {
    const list = listOf(from, name);
    if (!list) continue;
    if (!(name in to)) setField(to, name, new Parameter(noGrad(() => currentValue(list))));
    for (const parametrization of list) registerParametrization(to, name, parametrization);
    const target = listOf(to, name) as ParametrizationList;
    const names = list.count === null ? ['original'] : list.originals().map((_, i) => `original${i}`);
    for (const original of names) setField(target, original, Reflect.get(list, original));
  }
  return to;
}
