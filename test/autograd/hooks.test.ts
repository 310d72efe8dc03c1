// Hooks on tensors and nodes, kept gradients, gradFn, inferenceMode and the other modes, options of backward and grad.
import { describe, expect, it } from 'vitest';
import {
  AutogradError,
  autograd,
  inferenceMode,
  isGradEnabled,
  isInferenceModeEnabled,
  memory,
  noGrad,
  scope,
  setGradEnabled,
  type Tensor,
  tensor,
  zeros,
} from '../../lib/index.js';

const numbers = (x: Tensor | null): number[] => Array.from((x as Tensor).detach().dataSync(), Number);
const leaf = (data: number[]): Tensor => tensor(data, { dtype: 'float64', requiresGrad: true });
const f64 = (data: number[]): Tensor => tensor(data, { dtype: 'float64' });

describe('registerHook', () => {
  it('sees the whole gradient once, of results and of leaves', () => {
    const x = leaf([1, 2]);
    const seen: unknown[] = [];
    const y = x.mul(2);
    x.registerHook((g) => {
      seen.push(['x', numbers(g)]);
      return undefined;
    });
    y.registerHook((g) => {
      seen.push(['y', numbers(g)]);
      return undefined;
    });
    y.mul(3).add(y).add(x).sum().backward();
    expect(seen).toEqual([
      ['y', [4, 4]],
      ['x', [9, 9]],
    ]);
    expect(numbers(x.grad)).toEqual([9, 9]);
  });

  it('replaces the gradient; several run in order; remove() ends it', () => {
    const x = leaf([1]);
    const y = x.mul(1);
    y.registerHook((g) => g.add(1));
    const second = y.registerHook((g) => g.mul(10));
    y.sum().backward({ retainGraph: true });
    expect(numbers(x.grad)).toEqual([20]);
    second.remove();
    second.remove();
    x.grad = null;
    const own = x.registerHook((g) => g.neg());
    y.sum().backward({ retainGraph: true });
    expect(numbers(x.grad)).toEqual([-2]);
    own.remove();
    x.grad = null;
    y.sum().backward();
    expect(numbers(x.grad)).toEqual([2]);
  });

  it('the gradient it saw stays as it was', () => {
    const x = leaf([1, 2]);
    const seen: Tensor[] = [];
    x.registerHook((g) => {
      seen.push(g);
      return undefined;
    });
    x.mul(2).sum().backward();
    x.mul(5).sum().backward();
    expect(seen.map(numbers)).toEqual([
      [2, 2],
      [5, 5],
    ]);
    expect(numbers(x.grad)).toEqual([7, 7]);
  });

  it('stays with the value a tensor had before a change in place', () => {
    const x = leaf([1, 1]);
    const y = x.mul(3);
    const seen: unknown[] = [];
    y.registerHook((g) => {
      seen.push(['before', numbers(g)]);
      return undefined;
    });
    y.mul_(2);
    y.registerHook((g) => {
      seen.push(['after', numbers(g)]);
      return undefined;
    });
    y.sum().backward();
    expect(seen).toEqual([
      ['after', [1, 1]],
      ['before', [2, 2]],
    ]);
  });

  it('runs in autograd.grad too, and under createGraph', () => {
    const x = leaf([3]);
    x.registerHook((g) => g.mul(2));
    const [g] = autograd.grad(x.mul(x).sum(), x, { createGraph: true });
    expect(numbers(g)).toEqual([12]);
    expect(numbers(autograd.grad((g as Tensor).sum(), x)[0])).toEqual([8]);
  });

  it('does not run for leaves that are not asked for', () => {
    const x = leaf([3]);
    const w = leaf([4]);
    w.registerHook(() => {
      throw new Error('not asked for');
    });
    expect(numbers(autograd.grad(x.mul(w).sum(), x)[0])).toEqual([4]);
  });

  it('refuses tensors without gradients, other shapes and other types', () => {
    expect(() => zeros([1]).registerHook(() => undefined)).toThrow(AutogradError);
    const x = leaf([1, 2]);
    x.registerHook(() => zeros([3], { dtype: 'float64' }));
    expect(() => x.mul(1).sum().backward()).toThrow(/a hook changed the gradient from float64 \[2\] to float64 \[3\]/);
    expect(() => x.registerHook(3 as never)).toThrow(/must be a function/);
    const y = leaf([1]).mul(1);
    y.registerHook((() => 3) as never);
    expect(() => y.sum().backward()).toThrow(/must return a Tensor or nothing/);
  });

  it('an error in a hook reaches the caller', () => {
    const x = leaf([1]);
    x.registerHook(() => {
      throw new Error('mine');
    });
    expect(() => x.mul(2).sum().backward()).toThrow('mine');
  });
});

describe('registerPostAccumulateGradHook', () => {
  it('runs after grad was written, before the rest of the pass', () => {
    const w = leaf([2]);
    const x = leaf([3]);
    const seen: unknown[] = [];
    const handle = w.registerPostAccumulateGradHook((p) => {
      seen.push(numbers(p.grad), x.grad);
      p.grad = null;
    });
    x.mul(5).mul(w).sum().backward();
    expect(seen).toEqual([[15], null]);
    expect(w.grad).toBeNull();
    expect(numbers(x.grad)).toEqual([10]);
    handle.remove();
    x.mul(w).sum().backward();
    expect(numbers(w.grad)).toEqual([3]);
  });

  it('runs once for a leaf used several times, and not in autograd.grad', () => {
    const w = leaf([2]);
    let runs = 0;
    w.registerPostAccumulateGradHook(() => {
      runs++;
    });
    w.mul(w).add(w).sum().backward();
    expect([runs, ...numbers(w.grad)]).toEqual([1, 5]);
    autograd.grad(w.mul(w).sum(), w);
    expect(runs).toBe(1);
    expect(() => w.mul(1).registerPostAccumulateGradHook(() => {})).toThrow(/only leaves/);
  });

  it('runs for the leaves that backward({ inputs }) asks for', () => {
    const w = leaf([2]);
    const x = leaf([3]);
    const seen: unknown[] = [];
    w.registerPostAccumulateGradHook((p) => seen.push(numbers(p.grad)));
    x.registerPostAccumulateGradHook(() => seen.push('x'));
    x.mul(w).sum().backward({ inputs: w });
    expect(seen).toEqual([[3]]);
  });

  it('runs although another branch never gets a gradient', () => {
    const w = leaf([2]);
    let runs = 0;
    w.registerPostAccumulateGradHook(() => {
      runs++;
    });
    const [head] = w.mul(2).unbind(0);
    const blocked = w.mul(3).fill_(1);
    head.add(blocked.sum()).backward();
    expect([runs, ...numbers(w.grad)]).toEqual([1, 2]);
  });
});

describe('retainGrad', () => {
  it('keeps the gradient of a result', () => {
    const x = leaf([1, 2]);
    const y = x.mul(3);
    expect(y.retainsGrad).toBe(false);
    y.retainGrad();
    expect(y.retainsGrad).toBe(true);
    y.mul(y).sum().backward();
    expect(numbers(y.grad)).toEqual([6, 12]);
    x.retainGrad();
    expect(x.retainsGrad).toBe(false);
    expect(() => zeros([1]).retainGrad()).toThrow(AutogradError);
  });

  it('moves with a tensor that is changed in place', () => {
    const x = leaf([1, 1]);
    const y = x.mul(3);
    y.retainGrad();
    y.mul_(2);
    expect(y.retainsGrad).toBe(true);
    y.sum().backward();
    expect(numbers(y.grad)).toEqual([1, 1]);
    const z = x.mul(3);
    z.retainGrad();
    z.slice(0, 0, 1).mul_(5);
    z.mul(7).sum().backward();
    expect(numbers(z.grad)).toEqual([7, 7]);
  });

  it('keeps what a hook made of it, and accumulates', () => {
    const x = leaf([1]);
    const y = x.mul(3);
    y.retainGrad();
    y.registerHook((g) => g.mul(10));
    y.sum().backward({ retainGraph: true });
    y.sum().backward();
    expect(numbers(y.grad)).toEqual([20]);
  });
});

describe('gradFn', () => {
  it('shows the graph', () => {
    const x = leaf([1]);
    const w = leaf([2]);
    const y = x.mul(w).add(1);
    expect(x.gradFn).toBeNull();
    expect(y.gradFn?.name).toBe('AddScalarBackward');
    expect(y.gradFn).toBe(y.gradFn);
    const [[product, output]] = (y.gradFn as autograd.GradFn).nextFunctions;
    expect([product?.name, output]).toEqual(['MulBackward', 0]);
    const leaves = product?.nextFunctions.map(([fn]) => fn);
    expect(leaves?.map((fn) => fn?.name)).toEqual(['AccumulateGrad', 'AccumulateGrad']);
    expect(leaves?.[1]?.variable).toBe(w);
    const [[, none]] = [x.mul(f64([1])).gradFn?.nextFunctions ?? []];
    expect(none[0]).toBeNull();
  });

  it('takes hooks before and after the rule', () => {
    const x = leaf([2]);
    const y = x.mul(f64([5]));
    const seen: unknown[] = [];
    y.gradFn?.registerPrehook(([g]) => {
      seen.push(numbers(g));
      return [(g as Tensor).mul(2)];
    });
    const handle = y.gradFn?.registerHook(([gx], [gy]) => {
      seen.push(numbers(gx), numbers(gy));
      return [(gx as Tensor).add(1), null];
    });
    y.sum().backward({ retainGraph: true });
    expect(seen).toEqual([[1], [10], [2]]);
    expect(numbers(x.grad)).toEqual([11]);
    handle?.remove();
    x.grad = null;
    y.sum().backward();
    expect(numbers(x.grad)).toEqual([10]);
  });
});

describe('grad modes', () => {
  it('setGradEnabled', () => {
    const x = leaf([1]);
    expect(setGradEnabled(false, () => x.mul(1).requiresGrad)).toBe(false);
    expect(noGrad(() => setGradEnabled(true, () => isGradEnabled() && x.mul(1).requiresGrad))).toBe(true);
    expect(() => setGradEnabled(1 as never, () => 0)).toThrow(/true or false/);
  });

  it('inferenceMode makes tensors that no graph can have', () => {
    const x = leaf([1, 2]);
    const y = inferenceMode(() => {
      expect([isGradEnabled(), isInferenceModeEnabled()]).toEqual([false, true]);
      return x.mul(2).add_(1);
    });
    expect([y.requiresGrad, y.isInference()]).toEqual([false, true]);
    expect(() => y.mul(x)).toThrow(/made in inferenceMode cannot be saved/);
    expect(() => y.add_(1)).toThrow(/cannot be changed in place outside of it/);
    expect(() => y.zero_()).toThrow(/cannot be changed in place outside of it/);
    expect(() => y.requiresGrad_()).toThrow(/cannot require gradients/);
    expect(() => y.slice(0, 1).mul_(2)).toThrow(/cannot be changed in place/);
    expect(y.add(x).requiresGrad).toBe(true);
    expect(y.clone().mul(x).requiresGrad).toBe(true);
    expect(y.mul(2).isInference()).toBe(false);
    expect(numbers(inferenceMode(() => y.mul_(2)))).toEqual([6, 10]);
  });

  it('a view of a normal tensor made inside is normal, but no recorded change of it is possible', () => {
    const base = leaf([1, 2]).mul(1);
    const view = inferenceMode(() => base.slice(0, 1));
    expect(view.isInference()).toBe(false);
    expect(() => view.mul_(2)).toThrow(/made inside inferenceMode/);
    expect(inferenceMode(() => inferenceMode(() => isInferenceModeEnabled(), false))).toBe(false);
  });

  it('follows async flows', async () => {
    const inside = inferenceMode(async () => {
      await Promise.resolve();
      return zeros([1]).isInference();
    });
    expect(zeros([1]).isInference()).toBe(false);
    expect(await inside).toBe(true);
  });
});

describe('backward and grad', () => {
  it('backward of several tensors with their gradients', () => {
    const x = leaf([1, 2]);
    autograd.backward([x.mul(2).sum(), x.mul(x)], [null, f64([1, 10])]);
    expect(numbers(x.grad)).toEqual([4, 42]);
    expect(() => autograd.backward([x.sum()], [f64([1]), f64([1])])).toThrow(/2 gradients for 1 tensors/);
    expect(() => autograd.backward(x.mul(2))).toThrow(/a gradient is needed for a tensor of shape \[2\]/);
  });

  it('inputs limits where gradients go, also to results', () => {
    const x = leaf([1]);
    const w = leaf([2]);
    const y = x.mul(w);
    y.mul(3)
      .sum()
      .backward({ inputs: [w, y] });
    expect([x.grad, numbers(w.grad), numbers(y.grad)]).toEqual([null, [3], [3]]);
    expect(() => y.sum().backward({ inputs: [] })).toThrow(/cannot be empty/);
  });

  it('materializeGrads gives zeros for what was not used', () => {
    const x = leaf([1, 2]);
    const w = leaf([3]);
    expect(autograd.grad(x.sum(), [w], { allowUnused: true })).toEqual([null]);
    expect(numbers(autograd.grad(x.sum(), [w], { materializeGrads: true })[0])).toEqual([0]);
    expect(() => autograd.grad(x.sum(), [w])).toThrow(/input 0 was not used/);
    expect(() => autograd.grad(x.sum(), [w], { materializeGrads: true, allowUnused: false })).toThrow(/allowUnused/);
  });

  it('grad runs only the rules that lead to its inputs', () => {
    const x = leaf([1]);
    const w = leaf([1]);
    const bad = w.mul(1);
    const z = bad.exp();
    z.add_(1);
    const y = x.mul(2).add(z);
    expect(numbers(autograd.grad(y.sum(), x, { retainGraph: true })[0])).toEqual([2]);
    expect(() => y.sum().backward()).toThrow(/changed in place/);
  });

  it('the same input twice, and an output that is an input', () => {
    const x = leaf([2]);
    const y = x.mul(3);
    const [a, b, c] = autograd.grad([y.mul(y).sum(), y], [y, x, x], { gradOutputs: [null, f64([1])] });
    expect([a, b, c].map(numbers)).toEqual([[13], [39], [39]]);
  });

  it('a second backward needs retainGraph; without saved tensors too', () => {
    const x = leaf([2]);
    const y = x.mul(x).sum();
    y.backward({ retainGraph: true });
    y.backward();
    expect(numbers(x.grad)).toEqual([8]);
    expect(() => y.backward()).toThrow(/freed by an earlier backward/);
  });

  it('frees what was saved as it goes', () => {
    scope(() => {
      const x = tensor(new Float64Array(1 << 15), { requiresGrad: true });
      const y = scope(() => x.mul(2).exp().mul(3).exp().sum());
      const held = memory().live;
      y.backward();
      expect(memory().live).toBeLessThan(held);
    });
  });

  it('walks a graph of 100,000 nodes', () => {
    scope(() => {
      const x = leaf([1]);
      let y = x.mul(1);
      for (let i = 0; i < 100_000; i++) {
        const next = y.add(1);
        y.dispose();
        y = next;
      }
      const [g] = autograd.grad(y, x, { retainGraph: true });
      expect(numbers(g)).toEqual([1]);
      y.backward();
      expect(numbers(x.grad)).toEqual([1]);
    });
  });
});
