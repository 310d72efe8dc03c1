// Gradients move through a pass without copies: none may be seen, or changed, through another.
import { describe, expect, it } from 'vitest';
import { autograd, memory, scope, type Tensor, tensor } from '../../lib/index.js';
import { defineOp } from '../../lib/ops/define.js';

const leaf = (...values: number[]): Tensor => tensor(values, { requiresGrad: true });

/** Two results; both gradients are one new tensor. */
const twice = defineOp({
  name: 'testTwice',
  inputs: ['a', 'b'],
  forward: (a: Tensor, b: Tensor) => a.detach().add(b.detach()),
  backward: ([g]) => {
    const both = g.mul(1);
    return [both, both];
  },
});

/** The second gradient lies in the memory of the first one. */
const overlapping = defineOp({
  name: 'testOverlapping',
  inputs: ['a', 'b'],
  forward: (a: Tensor, b: Tensor) => a.detach().add(b.detach()),
  backward: ([g]) => {
    const first = g.mul(1);
    return [first, first.view([2])];
  },
});

const inner: { run: (() => void) | null } = { run: null };
const calling = defineOp({
  name: 'testCalling',
  inputs: ['a'],
  forward: (a: Tensor) => a.detach().mul(1),
  backward: ([g]) => {
    inner.run?.();
    return [g];
  },
});

describe('gradients of one pass', () => {
  it('a gradient that goes to a leaf and on is not changed by what the leaf gets later', async () => {
    const a = leaf(1, 2);
    const early = a.mul(3);
    const z = a.add(early).add(a.mul(5));
    z.backward({ gradient: tensor([1, 10]) });
    expect(await a.grad?.toArray()).toEqual([9, 90]);
  });

  it('the gradient that was passed in stays as it was', async () => {
    const a = leaf(1, 2);
    const given = tensor([1, 10]);
    a.add(0).backward({ gradient: given });
    a.grad?.mul_(7);
    a.add(0).backward({ gradient: given });
    expect(await given.toArray()).toEqual([1, 10]);
    expect(await a.grad?.toArray()).toEqual([8, 80]);
  });

  it.each([
    ['one tensor twice', twice],
    ['a view of the other', overlapping],
  ])('a rule that returns %s', async (_name, op) => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)];
    const total = op(a, b.mul(2)).add(a);
    total.backward({ gradient: tensor([1, 10]) });
    a.grad?.mul_(100);
    expect(await a.grad?.toArray()).toEqual([200, 2000]);
    expect(await b.grad?.toArray()).toEqual([2, 20]);
  });

  it('what a hook of a node has seen is not changed by what the leaf gets later', async () => {
    const a = leaf(1, 2);
    const x = a.add(0);
    const kept: (Tensor | null)[] = [];
    x.gradFn?.registerHook((inputs, outputs) => {
      kept.push(inputs[0], outputs[0]);
      return undefined;
    });
    x.sum().backward();
    a.grad?.mul_(100);
    expect(await kept[0]?.toArray()).toEqual([1, 1]);
    expect(await kept[1]?.toArray()).toEqual([1, 1]);
  });

  it('two leaves of one sum get memory of their own', async () => {
    const [a, b] = [leaf(1, 2), leaf(3, 4)];
    a.add(b).sum().backward();
    a.grad?.mul_(5);
    expect(await b.grad?.toArray()).toEqual([1, 1]);
  });
});

describe('passes', () => {
  it('a pass inside a rule may walk over the nodes of the outer one', async () => {
    const a = leaf(1, 2);
    const shared = a.mul(3);
    const end = calling(shared).add(shared.mul(2));
    const seen: (Tensor | null)[] = [];
    inner.run = () => {
      inner.run = null;
      const [g] = autograd.grad(shared, [a], { gradOutputs: [tensor([1, 1])], retainGraph: true });
      seen.push(g?.keep() ?? null);
    };
    end.backward({ gradient: tensor([1, 10]) });
    expect(await a.grad?.toArray()).toEqual([9, 90]);
    expect(await seen[0]?.toArray()).toEqual([3, 3]);
  });

  it('after a rule that threw, the tape can be walked again', async () => {
    const a = leaf(1, 2);
    const shared = a.mul(3);
    const end = calling(shared).add(shared.mul(2));
    inner.run = () => {
      inner.run = null;
      throw new Error('once');
    };
    expect(() => end.backward({ gradient: tensor([1, 10]), retainGraph: true })).toThrow('once');
    end.backward({ gradient: tensor([1, 10]) });
    expect(await a.grad?.toArray()).toEqual([9, 90]);
  });

  it('a chain leaves nothing behind', () => {
    const a = leaf(1, 2);
    const y = tensor([1, 1]);
    const before = memory().tensors;
    scope(() => {
      let x: Tensor = a;
      for (let i = 0; i < 50; i++) x = x.add(y);
      x.sum().backward();
    });
    expect(memory().tensors).toBe(before + 1);
    expect(a.grad).not.toBeNull();
  });
});
