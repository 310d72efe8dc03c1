// One spec per op: how to call it, and what it must refuse. See docs/testing.md.
import { describe, expect, it } from 'vitest';
import { DisposedError, type NablaError } from '../../lib/errors.js';
import { scope } from '../../lib/tensor/scope.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import { checkForward, checkGradient, checkNarrow, checkNumeric, checkSecond } from './check.js';
import { type Args, layoutsOf, makeTensor, readFixture, type Sample } from './fixture.js';

type ErrorClass = new (...args: never[]) => NablaError;

/** A call that must throw this class with a message like this. */
export type Refusal = readonly [call: () => unknown, error: ErrorClass, message: RegExp];

export interface Spec {
  /** The op under test, on the inputs and args of a fixture sample. */
  call(inputs: Tensor[], args: Args): Tensor | readonly Tensor[];
  /** Wrong calls; every op has some. */
  errors: readonly Refusal[];
  /** Further op records that run only as part of this op, such as its backward kernels. */
  covers?: readonly string[];
  /** Dtypes of the float inputs; default both. */
  dtypes?: readonly ('float32' | 'float64')[];
  /** Why bfloat16 and float16 are left out: PyTorch has no such op for them, or rounding changes what is computed. */
  notNarrow?: string;
  /** Why the recorded backward pass is not differentiable, where it is not. */
  noSecondDerivative?: string;
}

/** An op whose results have no fixture (random numbers): the file that tests it, which must name it. */
export interface TestedBy {
  testedBy: string;
}

/** Everything declared so far, by op name. */
export const declared = new Map<string, Spec | TestedBy>();

let collecting = false;

/** Spec files imported after this call declare their specs without running them. */
export function collectOnly(): void {
  collecting = true;
}

/** Declares the specs of test/fixtures/<name>.json, and runs them. */
export function family(name: string, specs: Record<string, Spec | TestedBy>): void {
  for (const [op, spec] of Object.entries(specs)) {
    if (declared.has(op)) throw new Error(`${op} has two specs`);
    declared.set(op, spec);
  }
  if (collecting) return;
  const withFixture = Object.entries(specs).filter((entry): entry is [string, Spec] => 'call' in entry[1]);
  const fixture = withFixture.length > 0 ? readFixture(name) : {};
  it('every fixture has a spec and every spec a fixture', () => {
    expect(withFixture.map(([op]) => op).sort()).toEqual(Object.keys(fixture).sort());
  });
  for (const [op, spec] of withFixture) describe(op, () => runSpec(op, spec, fixture[op] ?? []));
}

const inScope = (body: () => Promise<void>) => () => scope(body);

function runSpec(op: string, spec: Spec, samples: readonly Sample[]): void {
  const call = (inputs: Tensor[], args: Args) => spec.call(inputs, args);
  it('has samples with elements', () => {
    expect(samples.some((sample) => sample.outputs.some((output) => output.data.length > 0))).toBe(true);
  });
  samples.forEach((sample, i) => {
    const title = `#${i} ${sample.inputs.map((input) => `[${input.shape}]`).join(' ')} ${JSON.stringify(sample.args)}`;
    const runs = sample.inputs.some((input) => input.dtype === 'float64')
      ? (spec.dtypes ?? ['float32', 'float64'])
      : ['float64'];
    describe(title, () => {
      for (const run of runs) {
        for (const layout of layoutsOf(sample)) {
          it(
            `forward ${run} ${layout}`,
            inScope(() => checkForward(call, sample, run, layout)),
          );
          if (sample.grads)
            it(
              `gradient ${run} ${layout}`,
              inScope(() => checkGradient(call, sample, run, layout)),
            );
        }
      }
      if (!spec.notNarrow && sample.inputs.some((input) => input.dtype === 'float64')) {
        for (const dtype of ['bfloat16', 'float16'] as const) {
          it(
            `forward and gradient ${dtype}`,
            inScope(() => checkNarrow(call, sample, dtype)),
          );
        }
      }
      if (!sample.grads || sample.numeric === false) return;
      it(
        'gradient by finite differences',
        inScope(() => checkNumeric(call, sample)),
      );
      if (!spec.noSecondDerivative)
        it(
          'second derivative',
          inScope(() => checkSecond(call, sample)),
        );
    });
  });
  runRefusals(op, spec, samples[0]);
}

function runRefusals(op: string, spec: Spec, sample: Sample | undefined): void {
  it('refuses wrong calls', () => {
    expect(spec.errors.length, `${op} lists no wrong call`).toBeGreaterThan(0);
    for (const [call, error, message] of spec.errors) expectRefusal(call, error, message);
  });
  it('refuses disposed tensors', () => {
    scope(() => {
      sample?.inputs.forEach((_, i) => {
        const inputs = sample.inputs.map((input) => makeTensor(input, 'float32', 'contiguous'));
        inputs[i].dispose();
        expectRefusal(() => spec.call(inputs, sample.args), DisposedError, /was disposed/);
      });
    });
  });
}

function expectRefusal(call: () => unknown, error: ErrorClass, message: RegExp): void {
  let thrown: unknown;
  try {
    scope(call);
  } catch (caught) {
    thrown = caught;
  }
  expect(thrown, String(call)).toBeInstanceOf(error);
  expect((thrown as NablaError).message, String(call)).toMatch(message);
}
