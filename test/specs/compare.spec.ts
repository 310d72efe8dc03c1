import {
  ArgumentError,
  bitwiseAnd,
  bitwiseOr,
  bitwiseXor,
  DTypeError,
  eq,
  ge,
  gt,
  isfinite,
  isinf,
  isnan,
  le,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  lt,
  ne,
  ShapeError,
  type Tensor,
  zeros,
} from '../../lib/index.js';
import { family, type Spec } from '../support/spec.js';

type Binary = (a: Tensor, b: Tensor) => Tensor;

const apart = (name: string, op: Binary) =>
  [
    () => op(zeros([2, 3], { dtype: 'int64' }), zeros([2], { dtype: 'int64' })),
    ShapeError,
    new RegExp(`^${name}: .*broadcast`),
  ] as const;
const noTensor = (name: string, op: Binary) =>
  [() => op(zeros([2]), 'x' as never), ArgumentError, new RegExp(`^${name}: other must be a Tensor`)] as const;

function comparisons(): Record<string, Spec> {
  const all = { eq, ne, lt, le, gt, ge };
  const specs: Record<string, Spec> = {};
  for (const [name, op] of Object.entries(all)) {
    specs[name] = { call: ([a, b]) => op(a, b), errors: [apart(name, op), noTensor(name, op)] };
    specs[`${name}Scalar`] = {
      call: ([a], { value }: { value: number }) => op(a, value),
      errors: [[() => op(null as never, 1), ArgumentError, new RegExp(`^${name}: input must be a Tensor`)]],
    };
  }
  return specs;
}

function combinations(): Record<string, Spec> {
  const specs: Record<string, Spec> = {};
  for (const [name, op] of Object.entries({ bitwiseAnd, bitwiseOr, bitwiseXor })) {
    specs[name] = {
      call: ([a, b]) => op(a, b),
      errors: [
        apart(name, op),
        noTensor(name, op),
        [
          () => op(zeros([2]), zeros([2])),
          DTypeError,
          new RegExp(`^${name}: integers or bool are needed, got float32`),
        ],
      ],
    };
  }
  for (const [name, op] of Object.entries({ logicalAnd, logicalOr, logicalXor })) {
    specs[name] = { call: ([a, b]) => op(a, b), errors: [noTensor(name, op)] };
  }
  for (const [name, op] of Object.entries({ logicalNot, isnan, isinf, isfinite })) {
    specs[name] = {
      call: ([x]) => op(x),
      errors: [[() => op(1 as never), ArgumentError, new RegExp(`^${name}: input must be a Tensor`)]],
    };
  }
  return specs;
}

family('compare', {
  ...comparisons(),
  ...combinations(),
  bitwiseNot: {
    call: ([x]) => x.bitwiseNot(),
    errors: [[() => zeros([2]).bitwiseNot(), DTypeError, /^bitwiseNot: integers or bool are needed, got float32/]],
  },
});
