// autograd.functional against PyTorch (functional.json).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArgumentError, AutogradError, autograd, ShapeError, Tensor, tensor } from '../../lib/index.js';

type Leaf = { shape: number[]; data: number[] };
type Tree = Leaf | Tree[];

interface Case {
  name: string;
  inputs: Leaf[];
  vOut: Tree;
  vIn: Tree;
  jacobian: Tree;
  vjp: Tree;
  jvp: Tree;
  hessian?: Tree;
  vhp?: Tree;
  hvp?: Tree;
}

const F = autograd.functional;
const cases = JSON.parse(readFileSync(new URL('functional.json', import.meta.url), 'utf8')) as Case[];
const make = ({ shape, data }: Leaf): Tensor => tensor(data, { dtype: 'float64', shape });
const build = (tree: Tree): Tensor | Tensor[] =>
  Array.isArray(tree) ? tree.map((item) => make(item as Leaf)) : make(tree);

const functions: Record<string, (...inputs: Tensor[]) => Tensor | Tensor[]> = {
  rows: (x) => x.exp().mul(x).sum(1),
  outer: (x, y) => x.unsqueeze(1).mul(y.unsqueeze(0).pow(2)),
  two: (x, y) => [x.sin().mul(y.sum()), y.mul(y).mul(y)],
  constant: (x) => x.mul(2).sum(0, { keepdim: true }),
  energy: (x) => x.pow(3).sum().mul(x.sum()),
  mixed: (x, y) => x.sin().mul(y.pow(2).sum()).sum().add(y.prod()),
};

function expectTree(got: unknown, want: Tree): void {
  if (Array.isArray(want)) {
    expect(Array.isArray(got)).toBe(true);
    expect((got as unknown[]).length).toBe(want.length);
    want.forEach((item, i) => {
      expectTree((got as unknown[])[i], item);
    });
    return;
  }
  expect(got).toBeInstanceOf(Tensor);
  const x = got as Tensor;
  expect(x.shape).toEqual(want.shape);
  expect(x.requiresGrad).toBe(false);
  Array.from(x.dataSync(), Number).forEach((value, i) => {
    expect(value).toBeCloseTo(want.data[i], 9);
  });
}

describe.each(cases.map((c) => [c.name, c] as const))('%s', (name, c) => {
  const fn = functions[name] as never;
  const inputs = (c.inputs.length === 1 ? make(c.inputs[0]) : c.inputs.map(make)) as never;
  const products = ['vjp', 'jvp', 'vhp', 'hvp'] as const;
  it('jacobian', () => {
    expectTree(F.jacobian(fn, inputs), c.jacobian);
  });
  it.each(products.filter((product) => c[product]))('%s', (product) => {
    const v = build(product === 'vjp' ? c.vOut : c.vIn);
    expectTree((F[product] as typeof F.vjp)(fn, inputs, v), c[product] as Tree);
  });
  if (c.hessian) {
    it('hessian', () => {
      expectTree(F.hessian(fn, inputs), c.hessian as Tree);
    });
  }
});

describe('options', () => {
  const x = tensor([1, 2], { dtype: 'float64', requiresGrad: true });
  const y = tensor([3], { dtype: 'float64' });
  const numbers = (t: Tensor | null): number[] => Array.from((t as Tensor).detach().dataSync(), Number);

  it('createGraph lets the result be differentiated', () => {
    const j = F.jacobian((a: Tensor) => a.pow(3), x, { createGraph: true });
    expect(j.requiresGrad).toBe(true);
    expect(numbers(autograd.grad(j.sum(), x)[0])).toEqual([6, 12]);
    const h = F.hessian((a: Tensor) => a.pow(3).sum(), x, { createGraph: true });
    expect(numbers(autograd.grad(h.sum(), x)[0])).toEqual([6, 6]);
    const [, p] = F.jvp((a: Tensor) => a.pow(2), x, tensor([1, 10], { dtype: 'float64' }), { createGraph: true });
    expect(numbers(autograd.grad(p.sum(), x)[0])).toEqual([2, 20]);
  });

  it('strict refuses what does not depend on an input', () => {
    const half = (a: Tensor, _b: Tensor) => a.mul(2);
    expect(F.jacobian(half, [x, y] as const)[1].toArraySync()).toEqual([[0], [0]]);
    expect(() => F.jacobian(half, [x, y] as const, { strict: true })).toThrow(AutogradError);
    expect(() => F.vjp(() => y, x, null, { strict: true })).toThrow(/output 0 does not depend/);
    expect(() => F.hessian((a: Tensor) => a.sum(), x, { strict: true })).toThrow(AutogradError);
    expect(F.hessian((a: Tensor) => a.sum(), x).toArraySync()).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('the vector may be left out for a single number', () => {
    const [value, product] = F.vjp((a: Tensor) => a.mul(a).sum(), x);
    expect(numbers(value)).toEqual([5]);
    expect(numbers(product)).toEqual([2, 4]);
    expect(() => F.vjp((a: Tensor) => a.mul(a), x)).toThrow(ArgumentError);
  });

  it('does not touch the inputs', () => {
    F.jacobian((a: Tensor) => a.mul(2), y);
    expect([y.requiresGrad, x.grad]).toEqual([false, null]);
  });

  it('refuses other shapes, several vectors and no tensors', () => {
    expect(() => F.vjp((a: Tensor) => a.mul(a), x, y)).toThrow(ShapeError);
    expect(() => F.jvp((a: Tensor) => a.mul(a), x, [x, x])).toThrow(/2 vectors for 1 inputs/);
    expect(() => F.hessian((a: Tensor) => a.mul(a), x)).toThrow(/one tensor with one element/);
    expect(() => F.jacobian(((a: Tensor) => a.shape) as never, x)).toThrow(ArgumentError);
    expect(() => F.jacobian(3 as never, x)).toThrow(/a function is needed/);
  });
});
