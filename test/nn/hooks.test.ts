// Module hooks: order, replacement, and that fused execution respects them.
import { describe, expect, it } from 'vitest';
import { AutogradError, autograd, manualSeed, nn, noGrad, rand, type Tensor, tensor } from '../../lib/index.js';

const numbers = (x: Tensor | null): number[] => Array.from((x as Tensor).detach().dataSync(), Number);
const leaf = (data: number[]): Tensor => tensor(data, { dtype: 'float64', requiresGrad: true });

class Scale extends nn.Module {
  factor = 3;
  forward(x: Tensor): Tensor {
    return x.mul(this.factor);
  }
}

describe('module hooks', () => {
  it('run before and after forward, in the order of registration, until they are removed', () => {
    const module = new Scale();
    const seen: string[] = [];
    const handles = [
      module.registerForwardPreHook((m, inputs) => {
        seen.push(`pre ${m === module} ${inputs.length}`);
      }),
      module.registerForwardHook((_m, inputs, output) => {
        seen.push(`first ${numbers(inputs[0] as Tensor)} ${numbers(output as Tensor)}`);
      }),
      module.registerForwardHook(() => {
        seen.push('second');
      }),
    ];
    module.forward(leaf([2]));
    expect(seen).toEqual(['pre true 1', 'first 2 6', 'second']);
    for (const handle of handles) handle.remove();
    handles[0].remove();
    module.forward(leaf([2]));
    expect(seen).toHaveLength(3);
    expect(Object.hasOwn(module, 'forward')).toBe(false);
    expect(Object.keys(module)).not.toContain('forward');
  });

  it('can be put before the others', () => {
    const module = new Scale();
    const seen: string[] = [];
    const note = (name: string) => () => {
      seen.push(name);
    };
    module.registerForwardHook(note('b'));
    module.registerForwardHook(note('c'));
    const first = module.registerForwardHook(note('a'), { prepend: true });
    module.registerForwardPreHook(note('2'));
    module.registerForwardPreHook(note('1'), { prepend: true });
    module.forward(leaf([1]));
    first.remove();
    module.forward(leaf([1]));
    expect(seen.join('')).toBe('12abc12bc');
    expect(() => module.registerForwardHook(note('d'), null as never)).toThrow(/options must be an object/);
    const plain = new Scale();
    expect(() => plain.registerForwardHook(3 as never)).toThrow(/must be a function/);
    expect(Object.hasOwn(plain, 'forward')).toBe(false);
  });

  it('replace inputs and output', () => {
    const module = new Scale();
    module.registerForwardPreHook((_m, inputs) => (inputs[0] as Tensor).add(1));
    module.registerForwardPreHook((_m, inputs) => [(inputs[0] as Tensor).mul(10)]);
    module.registerForwardHook((_m, _inputs, output) => (output as Tensor).neg());
    expect(numbers(module.forward(leaf([1])))).toEqual([-60]);
  });

  it('keep a forward that was replaced before', () => {
    const module = new Scale();
    module.forward = (x) => x.add(100);
    const own = module.forward;
    const handle = module.registerForwardHook((_m, _inputs, output) => (output as Tensor).mul(2));
    expect(numbers(module.forward(leaf([1])))).toEqual([202]);
    handle.remove();
    expect(module.forward).toBe(own);
  });

  it('see the gradients of outputs and inputs', () => {
    const module = new Scale();
    const seen: unknown[] = [];
    module.registerFullBackwardPreHook((m, gradOutput) => {
      seen.push(['pre', m === module, gradOutput.map(numbers)]);
      return undefined;
    });
    const kept: Tensor[] = [];
    module.registerFullBackwardHook((_m, gradInput, gradOutput) => {
      seen.push(['full', gradInput.map(numbers), gradOutput.map(numbers)]);
      kept.push(gradInput[0] as Tensor);
      return undefined;
    });
    const x = leaf([1, 2]);
    module.forward(x).mul(5).sum().backward();
    expect(seen).toEqual([
      ['pre', true, [[5, 5]]],
      ['full', [[15, 15]], [[5, 5]]],
    ]);
    expect(numbers(x.grad)).toEqual([15, 15]);
    expect(numbers(kept[0])).toEqual([15, 15]);
  });

  it('replace gradients', () => {
    const module = new Scale();
    module.registerFullBackwardPreHook((_m, [g]) => (g as Tensor).mul(2));
    module.registerFullBackwardHook((_m, [g]) => [(g as Tensor).add(1)]);
    const x = leaf([1, 2]);
    module.forward(x).sum().backward();
    expect(numbers(x.grad)).toEqual([7, 7]);
    module.registerFullBackwardHook(() => []);
    expect(() => module.forward(x).sum().backward()).toThrow(AutogradError);
  });

  it('see nulls for inputs when none requires a gradient', () => {
    const layer = new nn.Linear(2, 1);
    const seen: unknown[] = [];
    layer.registerFullBackwardHook((_m, gradInput, gradOutput) => {
      seen.push(gradInput, gradOutput.map(numbers));
      return undefined;
    });
    layer
      .forward(rand([1, 2]))
      .sum()
      .backward();
    expect(seen).toEqual([[null], [[1]]]);
    expect(layer.weight.grad).not.toBeNull();
  });

  it('work under createGraph', () => {
    const module = new Scale();
    let calls = 0;
    module.registerFullBackwardHook(() => {
      calls++;
      return undefined;
    });
    const x = leaf([2]);
    const y = module.forward(x);
    const [g] = autograd.grad(y.mul(y).sum(), x, { createGraph: true });
    expect(numbers(autograd.grad((g as Tensor).sum(), x)[0])).toEqual([18]);
    expect(calls).toBeGreaterThan(0);
  });

  it('cost nothing inside noGrad, where no gradient is seen', () => {
    const module = new Scale();
    module.registerFullBackwardHook(() => {
      throw new Error('not called');
    });
    expect(noGrad(() => module.forward(leaf([1]))).requiresGrad).toBe(false);
  });

  it('run on the children of a Sequential that would be fused', () => {
    manualSeed(3);
    const model = new nn.Sequential(new nn.Linear(4, 4), new nn.ReLU());
    const x = rand([2, 4]);
    const plain = numbers(model.forward(x));
    const outputs: Tensor[] = [];
    for (const child of model.children()) {
      child.registerForwardHook((_m, _inputs, output) => {
        outputs.push(output as Tensor);
      });
    }
    expect(numbers(model.forward(x))).toEqual(plain);
    expect(outputs).toHaveLength(2);
    expect(numbers(outputs[0].relu())).toEqual(plain);
    expect(Object.keys(model.stateDict())).toEqual(['0.weight', '0.bias']);
  });

  it('refuse what is no function', () => {
    expect(() => new Scale().registerForwardHook(1 as never)).toThrow(/must be a function/);
  });
});
