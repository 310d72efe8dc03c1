// Replays inplace-programs.json: what PyTorch did with random views, changes in place and backward passes.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { autograd, noGrad, scope, type Tensor, tensor, zeros } from '../../lib/index.js';

interface Step {
  op: string;
  x: number;
  other?: number;
  args: never[];
  noGrad: boolean;
  error?: string;
}

type Row = number[] | null;

interface Program {
  seed: number;
  start: { shape: number[]; data: number[]; requiresGrad: boolean }[];
  steps: Step[];
  requiresGrad: boolean[];
  isLeaf: boolean[] | null;
  values: number[][];
  used: { v: number; error?: string }[];
  grads?: Row[];
  second?: Row[];
  gradError?: string;
}

const { programs } = JSON.parse(readFileSync(new URL('inplace-programs.json', import.meta.url), 'utf8')) as {
  programs: Program[];
};

function run({ op, args, other }: Step, x: Tensor, variables: readonly Tensor[]): Tensor {
  const [first, second, third] = args;
  switch (op) {
    case 'unbind':
      return x.unbind(first)[second];
    case 'split':
    case 'chunk':
      return x[op](first, second)[third];
    case 'mulNumber':
      return x.mul(first);
    case 'addNumber_':
      return x.add_(first);
    case 'mulNumber_':
      return x.mul_(first);
    default: {
      const method = Reflect.get(x, op) as (...values: unknown[]) => Tensor;
      return method.call(x, ...(other === undefined ? [] : [variables[other]]), ...args);
    }
  }
}

const succeeds = (fn: () => void): boolean => {
  try {
    fn();
    return true;
  } catch {
    return false;
  }
};

const rows = (tensors: readonly (Tensor | null)[]): Row[] =>
  tensors.map((t) => (t ? Array.from(t.detach().dataSync(), Number) : null));

function expectRows(got: readonly Row[], want: readonly Row[]): void {
  expect(got.map((row) => row?.length)).toEqual(want.map((row) => row?.length));
  for (const [i, row] of want.entries()) {
    row?.forEach((value, k) => {
      expect(Math.abs((got[i] as number[])[k] - value), `row ${i} element ${k}`).toBeLessThan(
        1e-9 * (1 + Math.abs(value)),
      );
    });
  }
}

function replay(program: Program): void {
  const variables = program.start.map(({ shape, data, requiresGrad }) =>
    tensor(data, { dtype: 'float64', shape, requiresGrad }),
  );
  for (const step of program.steps) {
    const x = variables[step.x];
    let result: Tensor | undefined;
    let error: unknown;
    try {
      result = step.noGrad ? noGrad(() => run(step, x, variables)) : run(step, x, variables);
    } catch (caught) {
      error = caught;
    }
    expect(error === undefined, `${JSON.stringify(step)}: ${error}`).toBe(step.error === undefined);
    if (result && !step.op.endsWith('_')) variables.push(result);
  }
  expect(variables.map((v) => v.requiresGrad)).toEqual(program.requiresGrad);
  if (program.isLeaf) expect(variables.map((v) => v.isLeaf)).toEqual(program.isLeaf);
  expectRows(rows(variables), program.values);
  checkGradients(program, variables);
}

function checkGradients(program: Program, variables: readonly Tensor[]): void {
  let loss = zeros([], { dtype: 'float64' });
  for (const { v, error } of program.used) {
    const x = variables[v];
    const used = succeeds(() => {
      loss = loss.add(
        x
          .mul(x)
          .mul(v + 1)
          .sum(),
      );
    });
    expect(used, `use of ${v}: ${error}`).toBe(error === undefined);
  }
  const leaves = variables.filter((_, i) => program.start[i]?.requiresGrad);
  const createGraph = program.seed % 2 === 0;
  const first = () => autograd.grad(loss, leaves, { createGraph, allowUnused: true });
  if (!program.grads) {
    expect(first, program.gradError).toThrow();
    return;
  }
  const grads = first();
  expectRows(rows(grads), program.grads);
  const second = () => autograd.grad(totalOf(grads), leaves, { allowUnused: true });
  if (program.gradError) expect(second, program.gradError).toThrow();
  else if (program.second) expectRows(rows(second()), program.second);
}

const totalOf = (grads: readonly (Tensor | null)[]): Tensor =>
  grads.reduce((sum: Tensor, g) => (g ? sum.add(g.mul(g).sum()) : sum), zeros([], { dtype: 'float64' }));

describe('random programs', () => {
  it.each(programs.map((program) => [program.seed, program] as const))('%i', (_seed, program) => {
    scope(() => replay(program));
  });
});
