// Custom functions: what PyTorch's tutorial and its tests ask of torch.autograd.Function.
import { describe, expect, it } from 'vitest';
import { autograd, isGradEnabled, memory, scope, type Tensor, tensor, zeros } from '../../lib/index.js';

type Context = autograd.FunctionContext;
const numbers = (x: Tensor | null): number[] => Array.from((x as Tensor).detach().dataSync(), Number);
const leaf = (data: number[]): Tensor => tensor(data, { dtype: 'float64', requiresGrad: true });

class Cube extends autograd.Function {
  static forward(ctx: Context, x: Tensor): Tensor {
    expect(isGradEnabled()).toBe(false);
    ctx.saveForBackward(x);
    return x.mul(x).mul(x);
  }
  static backward(ctx: Context, g: Tensor): Tensor {
    const [x] = ctx.savedTensors as [Tensor];
    return g.mul(x.mul(x)).mul(3);
  }
}

class Exp extends autograd.Function {
  static forward(ctx: Context, x: Tensor): Tensor {
    const y = x.exp();
    ctx.saveForBackward(y);
    return y;
  }
  static backward(ctx: Context, g: Tensor): Tensor {
    return g.mul(ctx.savedTensors[0] as Tensor);
  }
}

class Scale extends autograd.Function {
  static forward(ctx: Context, x: Tensor, factor: number, y: Tensor): [Tensor, Tensor] {
    ctx.factor = factor;
    ctx.needs = [...ctx.needsInputGrad];
    return [x.mul(factor), y.add(factor)];
  }
  static backward(ctx: Context, gx: Tensor, gy: Tensor): (Tensor | null)[] {
    return [gx.mul(ctx.factor as number), null, gy];
  }
}

describe('autograd.Function', () => {
  it('runs a custom rule, and the rule of the rule', () => {
    const x = leaf([2, -1]);
    const y = Cube.apply(x);
    expect(numbers(y)).toEqual([8, -1]);
    const [g] = autograd.grad(y.sum(), x, { createGraph: true });
    expect(numbers(g)).toEqual([12, 3]);
    const [h] = autograd.grad((g as Tensor).sum(), x, { createGraph: true });
    expect(numbers(h)).toEqual([12, -6]);
    expect(numbers(autograd.grad((h as Tensor).sum(), x)[0])).toEqual([6, 6]);
  });

  it('saves outputs with their history', () => {
    const x = leaf([0.5, 1]);
    const [g] = autograd.grad(Exp.apply(x).sum(), x, { createGraph: true });
    const [h] = autograd.grad((g as Tensor).sum(), x);
    for (const [i, v] of [0.5, 1].entries()) expect(numbers(h)[i]).toBeCloseTo(Math.exp(v), 12);
  });

  it('takes numbers between tensors, returns several outputs, materializes missing gradients', () => {
    const x = leaf([1, 2]);
    const y = leaf([3, 4]);
    const [a, b] = Scale.apply(x, 5, y);
    expect(numbers(b)).toEqual([8, 9]);
    a.sum().backward();
    expect(numbers(x.grad)).toEqual([5, 5]);
    expect(numbers(y.grad)).toEqual([0, 0]);
  });

  it('tells which arguments need a gradient', () => {
    let seen: unknown;
    class Look extends autograd.Function {
      static forward(ctx: Context, x: Tensor, factor: number, y: Tensor): Tensor {
        seen = ctx.needsInputGrad;
        return x.add(y).mul(factor);
      }
      static backward(_ctx: Context, g: Tensor): (Tensor | null)[] {
        return [g, null, g];
      }
    }
    Look.apply(leaf([1]), 2, zeros([1], { dtype: 'float64' }));
    expect(seen).toEqual([true, false, false]);
    expect(Look.apply(zeros([1]), 2, zeros([1])).requiresGrad).toBe(false);
  });

  it('setMaterializeGrads(false) gives null', () => {
    const seen: unknown[] = [];
    class Two extends autograd.Function {
      static forward(ctx: Context, x: Tensor): Tensor[] {
        ctx.setMaterializeGrads(false);
        return [x.mul(1), x.mul(2)];
      }
      static backward(_ctx: Context, a: Tensor | null, b: Tensor | null): Tensor | null {
        seen.push(a === null, b === null);
        return a;
      }
    }
    const x = leaf([1]);
    Two.apply(x)[0].sum().backward();
    expect(seen).toEqual([false, true]);
    expect(numbers(x.grad)).toEqual([1]);
  });

  it('markNonDifferentiable', () => {
    class Split extends autograd.Function {
      static forward(ctx: Context, x: Tensor): Tensor[] {
        const positive = x.clamp(0);
        const mask = x.mul(0).add(1);
        ctx.markNonDifferentiable(mask);
        return [positive, mask];
      }
      static backward(_ctx: Context, g: Tensor, mask: Tensor): Tensor {
        return g.add(mask);
      }
    }
    const x = leaf([1, 2]);
    const [a, b] = Split.apply(x);
    expect([a.requiresGrad, b.requiresGrad]).toEqual([true, false]);
    a.sum().backward();
    expect(numbers(x.grad)).toEqual([1, 1]);
  });

  class Double extends autograd.Function {
    static forward(ctx: Context, x: Tensor): Tensor {
      ctx.markDirty(x);
      return x.mul_(2);
    }
    static backward(_ctx: Context, g: Tensor): Tensor {
      return g.mul(2);
    }
  }

  it('markDirty: the input gets the history of the output', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    const out = Double.apply(y);
    expect(out).toBe(y);
    y.sum().backward();
    expect(numbers(x.grad)).toEqual([6, 6]);
    expect(() => Double.apply(leaf([1]))).toThrow(/a leaf that requires gradients/);
  });

  it('markDirty on a view reaches the base', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    Double.apply(y.slice(0, 0, 1));
    y.sum().backward();
    expect(numbers(y)).toEqual([6, 6]);
    expect(numbers(x.grad)).toEqual([6, 3]);
  });

  it('an input returned as it is becomes a view with a history of its own', () => {
    class Same extends autograd.Function {
      static forward(_ctx: Context, x: Tensor): Tensor {
        return x;
      }
      static backward(_ctx: Context, g: Tensor): Tensor {
        return g.mul(10);
      }
    }
    const x = leaf([1, 2]);
    const y = Same.apply(x);
    expect(y).not.toBe(x);
    expect(x.isLeaf).toBe(true);
    y.sum().backward();
    expect(numbers(x.grad)).toEqual([10, 10]);
    expect(() => Same.apply(x.mul(1)).add_(1)).toThrow(/custom Function/);
  });

  it('finds a saved tensor that was changed in place', () => {
    const y = leaf([1, 2]).mul(1);
    const z = Cube.apply(y);
    y.add_(1);
    expect(() => z.sum().backward()).toThrow(/Cube: .* changed in place/);
  });

  it('sums a gradient that was broadcast', () => {
    class Wide extends autograd.Function {
      static forward(_ctx: Context, x: Tensor): Tensor {
        return x.expand([3, 2]).clone();
      }
      static backward(_ctx: Context, g: Tensor): Tensor {
        return g;
      }
    }
    const x = leaf([1, 2]);
    Wide.apply(x).sum().backward();
    expect(numbers(x.grad)).toEqual([3, 3]);
  });

  const wrong: [string, (g: Tensor) => never, RegExp][] = [
    ['too few gradients', () => [] as never, /must return 1 gradients, got 0/],
    ['too many gradients', (g) => [g, g] as never, /must return 1 gradients, got 2/],
    ['another shape', () => zeros([5]) as never, /gradient 0 has shape \[5\], the input \[2\]/],
    ['no tensor', () => 3 as never, /must return 1 gradients, got 3/],
  ];
  it.each(wrong)('refuses %s', (_name, result, message) => {
    class Wrong extends autograd.Function {
      static forward(_ctx: Context, x: Tensor): Tensor {
        return x.mul(1);
      }
      static backward(_ctx: Context, g: Tensor): Tensor {
        return result(g);
      }
    }
    expect(() =>
      Wrong.apply(leaf([1, 2]))
        .sum()
        .backward(),
    ).toThrow(message);
  });

  it('frees what forward and backward made', () => {
    const x = leaf([1, 2]);
    const before = memory().tensors;
    scope(() => {
      Cube.apply(x).sum().backward();
    });
    // the gradient of x stays
    expect(memory().tensors).toBe(before + 1);
  });
});
