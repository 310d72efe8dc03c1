// Deep copies of modules, as copy.deepcopy makes them.
import { AutogradError } from '../errors.js';
import { clone } from '../ops/shape/view.js';
import { checkTensor } from '../tensor/check.js';
import { Tensor } from '../tensor/tensor.js';
import { copyHooks } from './hooks.js';
import { type AnyModule, Module } from './module.js';
import { Buffer, Parameter, parameterOf, UninitializedBuffer, UninitializedParameter } from './parameter.js';
import { copyStateHooks } from './state-dict.js';

/** What was copied already: what is in two places stays one thing. */
type Memo = Map<object, unknown>;

/** @internal See {@link Module.clone}. */
export function cloneModule(module: AnyModule): AnyModule {
  return copyModule(module, new Map());
}

function copyModule(module: AnyModule, memo: Memo): AnyModule {
  const copy = Object.create(Object.getPrototypeOf(module) as object) as AnyModule;
  memo.set(module, copy);
  copyFields(module, copy, memo);
  module._copyBuffers(copy);
  copyHooks(module, copy);
  copyStateHooks(module, copy);
  return copy;
}

function copyFields(from: object, to: object, memo: Memo): void {
  for (const key of Reflect.ownKeys(from)) {
    const field = Object.getOwnPropertyDescriptor(from, key) as PropertyDescriptor;
    if ('value' in field) field.value = copyValue(field.value, memo);
    Object.defineProperty(to, key, field);
  }
}

function copyValue(value: unknown, memo: Memo): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (memo.has(value)) return memo.get(value);
  if (value instanceof Module) return copyModule(value, memo);
  const copy = value instanceof Tensor ? copyTensor(value, memo) : copyOther(value, memo);
  memo.set(value, copy);
  return copy;
}

function copyTensor(x: Tensor, memo: Memo): Tensor {
  if (x instanceof UninitializedParameter || x instanceof UninitializedBuffer) return x._twin();
  checkTensor('clone', x, 'a field');
  if (!x.isLeaf) {
    throw new AutogradError('clone', 'a field holds the result of recorded operations; only leaves can be copied');
  }
  const raw = x.detach();
  const data = clone(raw);
  raw.dispose();
  if (x instanceof Parameter) return parameterOf(data).requiresGrad_(x.requiresGrad);
  if (x instanceof Buffer) {
    const buffer = new Buffer(data, { persistent: x.persistent });
    data.dispose();
    return buffer;
  }
  const copy = data.keep().requiresGrad_(x.requiresGrad);
  if (x._grad) copy._grad = copyTensor(x._grad, memo);
  return copy;
}

function copyOther(value: object, memo: Memo): object {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (Array.isArray(value) || prototype === Object.prototype || prototype === null) {
    const copy = Array.isArray(value) ? [] : (Object.create(prototype as object | null) as object);
    memo.set(value, copy);
    copyFields(value, copy, memo);
    return Object.isFrozen(value) ? Object.freeze(copy) : copy;
  }
  if (prototype === Map.prototype) {
    return new Map(
      [...(value as Map<unknown, unknown>)].map(([key, item]) => [copyValue(key, memo), copyValue(item, memo)]),
    );
  }
  if (prototype === Set.prototype) return new Set([...(value as Set<unknown>)].map((item) => copyValue(item, memo)));
  return ArrayBuffer.isView(value) ? structuredClone(value) : value;
}
