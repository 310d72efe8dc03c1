// Deep copies of modules.
import { describe, expect, it } from 'vitest';
import { AutogradError, manualSeed, nn, ones, optim, rand, type Tensor, zeros } from '../../lib/index.js';

const numbers = (t: Tensor | null): number[] => Array.from((t as Tensor).detach().dataSync(), Number);

class Net extends nn.Module {
  fc = new nn.Linear(3, 3);
  tied = this.fc.weight;
  norm = new nn.BatchNorm1d(3);
  conv = new nn.Conv2d(1, 2, 3);
  stack = new nn.Sequential(this.fc, new nn.ReLU());
  mask = new nn.Buffer(ones([3]), { persistent: false });
  settings = { rates: [0.1, 0.2], names: new Map([['a', 1]]), seen: new Set([1]), table: new Float32Array([1, 2]) };
  act = (x: Tensor): Tensor => x.relu();
  private calls = 0;

  forward(x: Tensor): Tensor {
    this.calls++;
    return this.act(this.norm.forward(this.stack.forward(x)).mul(this.mask));
  }

  get count(): number {
    return this.calls;
  }
}

describe('clone', () => {
  it('gives a module with values of its own and the same results', () => {
    manualSeed(1);
    const net = new Net();
    const x = rand([4, 3]);
    net.forward(x).sum().backward();
    net.norm.eval();
    net.conv.requiresGrad_(false);
    const copy = net.clone();
    expect(copy).toBeInstanceOf(Net);
    expect(String(copy)).toBe(String(net));
    expect(copy.count).toBe(1);
    expect(Object.keys(copy.stateDict())).toEqual(Object.keys(net.stateDict()));
    expect([...copy.namedBuffers()].map(([name]) => name)).toEqual([...net.namedBuffers()].map(([name]) => name));
    for (const [i, p] of copy.parameters().entries()) {
      const own = net.parameters()[i];
      expect(p).not.toBe(own);
      expect(p).toBeInstanceOf(nn.Parameter);
      expect([numbers(p), p.strides, p.requiresGrad, p.grad]).toEqual([
        numbers(own),
        own.strides,
        own.requiresGrad,
        null,
      ]);
    }
    expect([copy.training, copy.norm.training, copy.stack.training]).toEqual([true, false, true]);
    expect(numbers(copy.forward(x))).toEqual(numbers(net.forward(x)));
  });

  it('is independent of the module it came from', () => {
    const net = new Net();
    const copy = net.clone();
    const before = numbers(net.fc.weight);
    const step = new optim.SGD(copy.parameters(), { lr: 0.5 });
    copy
      .forward(rand([4, 3]))
      .square()
      .sum()
      .backward();
    step.step();
    copy.settings.rates.push(3);
    copy.settings.names.set('b', 2);
    copy.settings.table[0] = 9;
    copy.mask.fill_(0);
    expect(numbers(net.fc.weight)).toEqual(before);
    expect(numbers(copy.fc.weight)).not.toEqual(before);
    expect(net.settings).toEqual({
      rates: [0.1, 0.2],
      names: new Map([['a', 1]]),
      seen: new Set([1]),
      table: new Float32Array([1, 2]),
    });
    expect(numbers(net.mask)).toEqual([1, 1, 1]);
    expect(numbers(net.norm.numBatchesTracked)).toEqual([0]);
    net.dispose();
    expect(copy.forward(rand([2, 3])).shape).toEqual([2, 3]);
  });

  it('keeps shared modules and parameters shared', () => {
    const copy = new Net().clone();
    expect(copy.stack.at(0)).toBe(copy.fc);
    expect(copy.tied).toBe(copy.fc.weight);
    expect(copy.parameters()).toHaveLength(new Net().parameters().length);
  });

  it('copies hooks, which then see the copy', () => {
    const layer = new nn.Linear(1, 1);
    const seen: nn.AnyModule[] = [];
    const handle = layer.registerForwardHook((module) => {
      seen.push(module);
    });
    layer.registerFullBackwardHook((module) => {
      seen.push(module);
      return undefined;
    });
    layer.registerStateDictPostHook((module, state, prefix) => {
      seen.push(module);
      delete state[`${prefix}bias`];
    });
    const copy = layer.clone();
    handle.remove();
    copy
      .forward(ones([1, 1]))
      .sum()
      .backward();
    expect(Object.keys(copy.stateDict())).toEqual(['weight']);
    expect(seen).toEqual([copy, copy, copy]);
    layer.forward(ones([1, 1]));
    expect(seen).toHaveLength(3);
  });

  it('counts batches as the original would', () => {
    const norm = new nn.BatchNorm1d(2, { momentum: null, dtype: 'float64' });
    for (let i = 0; i < 3; i++) norm.forward(rand([4, 2], { dtype: 'float64' }));
    const copy = norm.clone();
    const x = rand([4, 2], { dtype: 'float64' });
    norm.forward(x);
    copy.forward(x);
    expect(numbers(copy.runningMean)).toEqual(numbers(norm.runningMean));
    expect(numbers(copy.numBatchesTracked)).toEqual([4]);
  });

  it('copies leaves with their gradients, and refuses results', () => {
    class Holder extends nn.Module {
      leaf = ones([2]).requiresGrad_();
      result: Tensor | null = null;
      forward(x: Tensor): Tensor {
        this.result = x.mul(this.leaf);
        return this.result;
      }
    }
    const holder = new Holder();
    holder.leaf.sum().backward();
    const copy = holder.clone();
    expect([copy.leaf.requiresGrad, numbers(copy.leaf.grad)]).toEqual([true, [1, 1]]);
    expect(copy.leaf.grad).not.toBe(holder.leaf.grad);
    holder.forward(zeros([2]));
    expect(() => holder.clone()).toThrow(AutogradError);
  });
});
