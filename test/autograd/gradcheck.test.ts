// gradcheck and gradgradcheck find wrong gradients, and say where; anomaly mode says which call.
import { describe, expect, it } from 'vitest';
import { AutogradError, autograd, F, randn, scope, type Tensor, tensor, zeros } from '../../lib/index.js';

type Context = autograd.FunctionContext;
const { gradcheck, gradgradcheck } = autograd;
const leaf = (data: number[], shape = [data.length]): Tensor =>
  tensor(data, { dtype: 'float64', shape, requiresGrad: true });

/** `3 x`, whose gradient is wrong for one element. */
class WrongAtOne extends autograd.Function {
  static forward(_ctx: Context, x: Tensor): Tensor {
    return x.mul(3);
  }
  static backward(_ctx: Context, g: Tensor): Tensor {
    return g.mul(tensor([3, 3, 4], { dtype: 'float64' }));
  }
}

/** `x^2` with a gradient that is right but claims to be constant. */
class WrongSecond extends autograd.Function {
  static forward(ctx: Context, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }
  static backward(ctx: Context, g: Tensor): Tensor {
    return g.mul((ctx.savedTensors[0] as Tensor).detach().mul(2));
  }
}

describe('gradcheck', () => {
  it('accepts right gradients of several inputs and outputs', () => {
    const x = leaf([0.5, 1.5, -2, 1], [2, 2]);
    const w = leaf([1, -1, 0.5, 2], [2, 2]);
    const c = tensor([1, 2], { dtype: 'float64' });
    expect(gradcheck((a, b, k) => [a.matmul(b).mul(k), a.exp().sum()], [x, w, c])).toBe(true);
    expect(gradcheck((a) => a.transpose(0, 1).mul(2), x.transpose(0, 1))).toBe(true);
    expect(gradgradcheck((a, b) => a.matmul(b).sigmoid(), [x, w])).toBe(true);
    expect(gradgradcheck((a) => a.pow(3).sum(), x)).toBe(true);
    expect(gradgradcheck((a) => a.mul(2), x)).toBe(true);
  });

  it('names output, input and the worst entry', () => {
    const x = leaf([1, 2, 3]);
    expect(() => gradcheck((a) => WrongAtOne.apply(a), x)).toThrow(autograd.GradcheckError);
    expect(() => gradcheck((a) => [a.mul(1), WrongAtOne.apply(a)], x)).toThrow(
      /output 1 \[3\] with respect to input 0 \[3\] is wrong in 1 of 9 entries; the worst: d output\[2\] \/ d input\[2\] is 4, finite differences give (3\.0|2\.9)/,
    );
    expect(gradcheck((a) => WrongAtOne.apply(a), x, { raiseException: false })).toBe(false);
    expect(gradcheck((a) => WrongAtOne.apply(a), x, { atol: 2 })).toBe(true);
    expect(gradcheck((a) => WrongAtOne.apply(a), x, { rtol: 0.5 })).toBe(true);
  });

  it('gradgradcheck finds a wrong second derivative', () => {
    const x = leaf([1, 2]);
    expect(gradcheck((a) => WrongSecond.apply(a), x)).toBe(true);
    expect(() => gradgradcheck((a) => WrongSecond.apply(a), x)).toThrow(autograd.GradcheckError);
    expect(gradgradcheck((a) => WrongSecond.apply(a), x, null, { raiseException: false })).toBe(false);
  });

  it('finds outputs that depend on inputs without the tape knowing', () => {
    expect(() => gradcheck((a) => a.detach().mul(2), leaf([1]))).toThrow(
      /output 0 changes with input 0 but has no gradient/,
    );
    expect(gradcheck((a) => zeros(a.shape, { dtype: 'float64' }), leaf([1]))).toBe(true);
  });

  it('finds a backward pass that gives other numbers each time', () => {
    let runs = 0;
    class Unsteady extends autograd.Function {
      static forward(_ctx: Context, x: Tensor): Tensor {
        return x.mul(1);
      }
      static backward(_ctx: Context, g: Tensor): Tensor {
        return g.add(1e-9 * runs++);
      }
    }
    expect(() => gradcheck((a) => Unsteady.apply(a), leaf([1]))).toThrow(/two backward passes of output 0/);
    expect(gradcheck((a) => Unsteady.apply(a), leaf([1]), { nondetTol: 1e-6 })).toBe(true);
  });

  it('refuses float32, no gradients and no tensors', () => {
    expect(() => gradcheck((a) => a.mul(2), zeros([1], { requiresGrad: true }))).toThrow(/must be float64/);
    expect(() => gradcheck((a) => a.mul(2), zeros([1]))).toThrow(/at least one input must require gradients/);
    expect(() => gradcheck((() => 3) as never, leaf([1]))).toThrow(/must return a Tensor/);
    expect(() => gradcheck(3 as never, leaf([1]))).toThrow(/a function is needed/);
  });

  const twice: [string, (...inputs: Tensor[]) => Tensor, number[][]][] = [
    ['conv2d', (x, w, b) => F.conv2d(x, w, b, { padding: 1 }), [[1, 2, 4, 4], [2, 2, 3, 3], [2]]],
    [
      'conv2d stride',
      (x, w) => F.conv2d(x, w, null, { stride: 2 }),
      [
        [1, 1, 5, 5],
        [1, 1, 2, 2],
      ],
    ],
    ['maxPool2d', (x) => F.maxPool2d(x, 2), [[1, 1, 4, 4]]],
    ['avgPool2d', (x) => F.avgPool2d(x, 2), [[1, 1, 4, 4]]],
    ['batchNorm', (x, w, b) => F.batchNorm(x, null, null, w, b, { training: true }), [[4, 2], [2], [2]]],
    ['softmax', (x) => F.softmax(x, 1), [[2, 3]]],
    ['logSoftmax', (x) => F.logSoftmax(x, 1), [[2, 3]]],
    ['crossEntropy', (x) => F.crossEntropy(x, tensor([1n, 0n])), [[2, 3]]],
    [
      'matmul',
      (a, b) => a.matmul(b),
      [
        [2, 3],
        [3, 2],
      ],
    ],
    ['linear', (x, w, b) => F.linear(x, w, b), [[2, 3], [2, 3], [2]]],
  ];
  it.each(twice)('second derivatives of %s', (_name, fn, shapes) => {
    scope(() => {
      const inputs = shapes.map((shape) => randn(shape, { dtype: 'float64', requiresGrad: true }));
      expect(gradgradcheck(fn, inputs)).toBe(true);
    });
  });
});

describe('anomaly mode', () => {
  function userLine(x: Tensor): Tensor {
    return x.sqrt();
  }

  it('names the op that made a NaN, with the stack of its forward call', () => {
    const x = leaf([0, 4]);
    const run = () => userLine(x).mul(0).sum().backward();
    run();
    let error: unknown;
    try {
      autograd.detectAnomaly(run);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(AutogradError);
    const { message } = error as Error;
    expect(message).toMatch(/^sqrt: its backward rule returned NaN for input 0; the call was made\n/);
    expect(message).toMatch(/userLine .*gradcheck\.test\.ts/);
    expect(message).not.toMatch(/lib\/ops/);
    expect(autograd.isAnomalyEnabled()).toBe(false);
  });

  it('shows where the call of a failing rule was made', () => {
    class Failing extends autograd.Function {
      static forward(_ctx: Context, x: Tensor): Tensor {
        return x.mul(1);
      }
      static backward(): Tensor {
        throw new Error('mine');
      }
    }
    const run = () =>
      Failing.apply(leaf([1]))
        .sum()
        .backward();
    expect(run).toThrow(/^mine$/);
    expect(() => autograd.detectAnomaly(run)).toThrow(
      /^Failing: its backward rule failed: mine; the call was made\n.*gradcheck\.test/s,
    );
  });

  it('says so when the call was made before, and checkNan: false lets NaN pass', () => {
    const y = userLine(leaf([0]))
      .mul(0)
      .sum();
    expect(() => autograd.detectAnomaly(() => y.backward({ retainGraph: true }))).toThrow(/outside anomaly mode/);
    autograd.detectAnomaly(() => y.backward({ retainGraph: true }), { checkNan: false });
  });

  it('can be switched on and off, nests, and follows a promise', async () => {
    autograd.setDetectAnomaly(true);
    expect(autograd.isAnomalyEnabled()).toBe(true);
    autograd.detectAnomaly(() => {}, { checkNan: false });
    expect(autograd.isAnomalyEnabled()).toBe(true);
    autograd.setDetectAnomaly(false);
    const inside = autograd.detectAnomaly(async () => {
      await Promise.resolve();
      return autograd.isAnomalyEnabled();
    });
    expect(await inside).toBe(true);
    expect(autograd.isAnomalyEnabled()).toBe(false);
    expect(() => autograd.setDetectAnomaly(1 as never)).toThrow(/true or false/);
  });
});
