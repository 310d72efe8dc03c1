import * as nabla from '../../lib/index.js';
import { ArgumentError, DTypeError, type Tensor, tensor } from '../../lib/index.js';
import { family, type Spec } from '../support/spec.js';

type Unary = (x: Tensor) => Tensor;

const numeric = { neg: nabla.neg, abs: nabla.abs, sign: nabla.sign, square: nabla.square, relu: nabla.relu };
const rounding = { floor: nabla.floor, ceil: nabla.ceil, round: nabla.round, trunc: nabla.trunc };
const floating = {
  reciprocal: nabla.reciprocal,
  sqrt: nabla.sqrt,
  rsqrt: nabla.rsqrt,
  exp: nabla.exp,
  expm1: nabla.expm1,
  log: nabla.log,
  log1p: nabla.log1p,
  log2: nabla.log2,
  log10: nabla.log10,
  sigmoid: nabla.sigmoid,
  tanh: nabla.tanh,
  erf: nabla.erf,
  sin: nabla.sin,
  cos: nabla.cos,
  tan: nabla.tan,
  asin: nabla.asin,
  acos: nabla.acos,
  atan: nabla.atan,
  sinh: nabla.sinh,
  cosh: nabla.cosh,
  asinh: nabla.asinh,
  acosh: nabla.acosh,
  atanh: nabla.atanh,
};
const covers: Record<string, string[]> = { relu: ['reluGrad'], sigmoid: ['sigmoidGrad'], tanh: ['tanhGrad'] };

function specs(functions: Record<string, Unary>, refusesBool: boolean): Record<string, Spec> {
  return Object.fromEntries(
    Object.entries(functions).map(([name, fn]) => {
      const errors: Spec['errors'] = [
        [() => fn(1 as never), ArgumentError, new RegExp(`^${name}: input must be a Tensor, got 1`)],
        ...(refusesBool
          ? ([[() => fn(tensor([true])), DTypeError, new RegExp(`^${name}: does not take bool`)]] as const)
          : []),
      ];
      return [name, { call: ([x]) => fn(x), errors, covers: covers[name] }];
    }),
  );
}

family('unary', {
  ...specs({ ...numeric, ...rounding }, true),
  ...specs(floating, false),
  softplus: {
    call: ([x], options: { beta?: number; threshold?: number }) => nabla.F.softplus(x, options),
    errors: [
      [() => nabla.F.softplus(tensor([1]), { beta: 0 }), ArgumentError, /^softplus: beta must be .* got 0/],
      [() => nabla.F.softplus(tensor([1]), null as never), ArgumentError, /^softplus: options must be an object/],
    ],
  },
  roundHalf: {
    call: ([x]) => x.round(),
    errors: [[() => tensor([true]).round(), DTypeError, /^round: does not take bool/]],
  },
});
