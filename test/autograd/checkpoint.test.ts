// checkpoint: equal gradients with less memory.
import { describe, expect, it } from 'vitest';
import {
  autograd,
  F,
  manualSeed,
  memory,
  nn,
  rand,
  resetPeakMemory,
  scope,
  type Tensor,
  tensor,
} from '../../lib/index.js';

const numbers = (x: Tensor | null): number[] => Array.from((x as Tensor).detach().dataSync(), Number);
const leaf = (data: number[]): Tensor => tensor(data, { dtype: 'float64', requiresGrad: true });
const { checkpoint } = autograd;

describe('checkpoint', () => {
  const w = leaf([0.5, -2, 1.5]);
  const block = (x: Tensor): Tensor => x.mul(w).exp().add(1).log().mul(x);

  it('gives the gradients of the plain call, of inputs and of what fn closes over', () => {
    const x = leaf([1, 2, 3]);
    const plain = autograd.grad(block(block(x)).sum(), [x, w]).map(numbers);
    const y = checkpoint(block, [checkpoint(block, [x])]);
    expect(autograd.grad(y.sum(), [x, w]).map(numbers)).toEqual(plain);
  });

  it('takes inputs that need no gradient', () => {
    const x = tensor([1, 2, 3], { dtype: 'float64' });
    const plain = numbers(autograd.grad(block(x).sum(), w)[0]);
    expect(numbers(autograd.grad(checkpoint(block, [x]).sum(), w)[0])).toEqual(plain);
  });

  it('accumulates into leaves with backward()', () => {
    const x = leaf([1, 2, 3]);
    w.grad = null;
    block(x).sum().backward();
    const plain = [numbers(x.grad), numbers(w.grad)];
    x.grad = null;
    w.grad = null;
    checkpoint(block, [x]).sum().backward();
    expect([numbers(x.grad), numbers(w.grad)]).toEqual(plain);
    w.grad = null;
  });

  it('nests', () => {
    const x = leaf([1, 2, 3]);
    const plain = autograd.grad(block(block(x)).sum(), [x, w]).map(numbers);
    const y = checkpoint((a: Tensor) => block(checkpoint(block, [a])), [x]);
    expect(autograd.grad(y.sum(), [x, w]).map(numbers)).toEqual(plain);
  });

  it('is differentiable twice', () => {
    const x = leaf([1, 2, 3]);
    const second = (y: Tensor): number[][] => {
      const [g] = autograd.grad(y.sum(), x, { createGraph: true }) as [Tensor];
      return autograd.grad(g.mul(g).sum(), [x, w]).map(numbers);
    };
    const plain = second(block(x));
    const again = second(checkpoint(block, [x]));
    for (const [i, row] of plain.entries()) {
      for (const [k, value] of row.entries()) expect(again[i][k]).toBeCloseTo(value, 12);
    }
  });

  it('runs fn again only when its saved tensors are needed', () => {
    let runs = 0;
    const counted = (x: Tensor): Tensor => {
      runs++;
      return block(x);
    };
    const x = leaf([1, 2, 3]);
    const y = checkpoint(counted, [x]);
    expect(runs).toBe(1);
    y.sum().backward({ retainGraph: true });
    expect(runs).toBe(2);
    y.sum().backward();
    expect(runs).toBe(2);
    expect(() => y.sum().backward()).toThrow(/freed by an earlier backward/);
    w.grad = null;
  });

  it('draws the same random numbers again, and leaves the generator where it was', () => {
    const x = leaf(Array.from({ length: 64 }, (_, i) => i + 1));
    manualSeed(7);
    const y = checkpoint((a: Tensor) => F.dropout(a, 0.5).mul(a), [x]);
    const [next] = numbers(rand([1]));
    y.sum().backward();
    // x * mask * x: the gradient is 2 * value / x exactly when the masks are equal
    const value = numbers(y);
    numbers(x.grad).forEach((g, i) => {
      expect(g).toBeCloseTo((2 * value[i]) / (i + 1), 9);
    });
    manualSeed(7);
    F.dropout(x, 0.5);
    expect(numbers(rand([1]))).toEqual([next]);
  });

  it('finds that fn does something else the second time', () => {
    let runs = 0;
    const y = checkpoint((a: Tensor) => (runs++ === 0 ? a.exp() : a.mul(a)), [leaf([1])]);
    expect(() => y.sum().backward()).toThrow(/checkpoint: the function did other operations/);
  });

  it('records nothing inside noGrad, and passes errors on', () => {
    const y = checkpoint(block, [tensor([1, 2, 3], { dtype: 'float64' })]);
    expect(y.requiresGrad).toBe(true);
    expect(() =>
      checkpoint(() => {
        throw new Error('mine');
      }, []),
    ).toThrow('mine');
    expect(() => checkpoint(async () => {}, [])).toThrow(/must be synchronous/);
    expect(() => checkpoint(block, leaf([1]) as never)).toThrow(/inputs must be an array/);
  });

  it('works after the user disposed the input', () => {
    const x = leaf([1, 2, 3]);
    const h = x.mul(2);
    const plain = numbers(autograd.grad(block(h).sum(), x, { retainGraph: true })[0]);
    const y = checkpoint(block, [h]);
    h.dispose();
    expect(numbers(autograd.grad(y.sum(), x)[0])).toEqual(plain);
  });

  it('needs less memory', () => {
    const layers = Array.from({ length: 16 }, () => (x: Tensor) => x.mul(1.01).sigmoid().mul(x).tanh());
    const peak = (run: (x: Tensor) => Tensor): [number, number[]] =>
      scope(() => {
        const x = tensor(
          Float32Array.from({ length: 1 << 16 }, (_, i) => Math.sin(i)),
          { requiresGrad: true },
        );
        resetPeakMemory();
        const before = memory().live;
        run(x).sum().backward();
        return [memory().peak - before, numbers(x.grad).slice(0, 8)];
      });
    const [all, plain] = peak((x) => scope(() => layers.reduce((y, layer) => layer(y), x)));
    const [less, grads] = peak((x) => scope(() => autograd.checkpointSequential(layers, 4, x)));
    expect(grads).toEqual(plain);
    expect(less).toBeLessThan(all / 2);
  });

  it('checkpointSequential runs modules', () => {
    manualSeed(1);
    const model = new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Linear(8, 8), new nn.Linear(8, 2));
    const x = rand([3, 4], { requiresGrad: true });
    model.forward(x).sum().backward();
    const plain = model.parameters().map((p) => numbers(p.grad));
    model.zeroGrad();
    autograd.checkpointSequential(model, 2, x).sum().backward();
    model.parameters().forEach((p, i) => {
      numbers(p.grad).forEach((g, k) => {
        expect(g).toBeCloseTo(plain[i][k], 5);
      });
    });
    expect(() => autograd.checkpointSequential(model, 5, x)).toThrow(/segments must be in \[1, 4\]/);
  });
});
