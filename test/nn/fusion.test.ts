import { describe, expect, it } from 'vitest';
import { autograd, F, manualSeed, memory, nn, noGrad, rand, randn, scope, type Tensor } from '../../lib/index.js';
import { convNorm } from '../../lib/nn/fusion.js';
import { convNd } from '../../lib/ops/layers/conv.js';

/** A ReLU that Sequential does not know, so that nothing is fused. */
class OwnReLU extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.relu();
  }
}

function build(relu: () => nn.Module): nn.Sequential {
  manualSeed(3);
  return new nn.Sequential(
    new nn.Conv2d(3, 18, 3, { padding: 1, stride: 2 }),
    relu(),
    new nn.Conv2d(18, 5, 3, { padding: 'same' }),
    relu(),
    new nn.Flatten(),
    new nn.Linear(5 * 5 * 4, 7),
    relu(),
    new nn.Linear(7, 3, { bias: false }),
    relu(),
  );
}

async function run(model: nn.Sequential): Promise<ArrayLike<number | bigint>[]> {
  manualSeed(9);
  const x = randn([4, 3, 9, 8], { requiresGrad: true });
  const y = model.forward(x);
  y.backward({ gradient: randn([4, 3]) });
  const grads = model.parameters().map((p) => p.grad as Tensor);
  return Promise.all([y, x.grad as Tensor, ...grads].map((t) => t.data()));
}

describe('Sequential', () => {
  it('gives the same bits with the ReLU inside the kernel', async () => {
    const fused = await run(build(() => new nn.ReLU()));
    const plain = await run(build(() => new OwnReLU()));
    expect(fused.length).toBe(9);
    expect(fused).toEqual(plain);
    expect(Math.max(...Array.from(fused[0], Number))).toBeGreaterThan(0);
  });

  it('leaves the backward pass of a ReLU to the layer behind it, with the same bits', async () => {
    const make = (relu: () => nn.Module, negative: boolean): nn.Sequential => {
      manualSeed(5);
      const first = new nn.Conv2d(3, 16, 3, { padding: 1 });
      if (negative) noGrad(() => first.bias?.sub_(1)); // many windows without a positive value
      return new nn.Sequential(
        first,
        relu(),
        new nn.Conv2d(16, 20, 3, { padding: 1 }),
        relu(),
        new nn.MaxPool2d(2),
        new nn.Conv2d(20, 8, 2, { groups: 4 }),
        relu(),
        new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
        new nn.Flatten(),
      );
    };
    for (const negative of [false, true]) {
      const runs = [];
      for (const relu of [() => new nn.ReLU(), () => new OwnReLU()]) {
        const model = make(relu, negative);
        manualSeed(9);
        const x = randn([4, 3, 12, 13], { requiresGrad: true });
        const y = model.forward(x);
        const leaves = [x, ...model.parameters()];
        const weighted = y.mul(randn(y.shape)).sum();
        const first = autograd.grad(weighted, leaves, { createGraph: true }) as Tensor[];
        const second = autograd.grad(first[0].square().sum(), leaves, { allowUnused: true });
        runs.push(await Promise.all([y, ...first, ...second].map((t) => t?.data())));
      }
      const [fused, plain] = runs;
      expect(fused.slice(0, 8)).toEqual(plain.slice(0, 8));
      expect(fused.length).toBe(15);
      fused.slice(8).forEach((values, i) => {
        const others = plain[8 + i];
        expect(values === undefined).toBe(others === undefined);
        values?.forEach((v, k) => {
          expect(Math.abs(Number(v) - Number(others?.[k]))).toBeLessThan(1e-3);
        });
      });
    }
  });

  it('runs a replaced forward as it is', async () => {
    const model = build(() => new nn.ReLU());
    let calls = 0;
    const relu = model.layers[1];
    const forward = relu.forward.bind(relu);
    relu.forward = (x: Tensor) => {
      calls++;
      return forward(x);
    };
    model.forward(randn([1, 3, 9, 8]));
    expect(calls).toBe(1);
  });
});

/** A batch normalization that has seen something. */
function normOf(features: number): nn.BatchNorm2d {
  const norm = new nn.BatchNorm2d(features);
  norm.forward(randn([6, features, 4, 4]).mul(2).add(1));
  noGrad(() => {
    norm.weight?.copy_(rand([features]).add(0.5));
    norm.bias?.copy_(randn([features]));
  });
  return norm.eval();
}

const close = async (a: Tensor, b: Tensor): Promise<number> => {
  const error = a.sub(b).abs().max();
  const scale = b.abs().max();
  return (await error.item()) / (await scale.item());
};

describe('a convolution and the batch normalization behind it', () => {
  const [conv, norm, relu] = [new nn.Conv2d(8, 12, 3, { padding: 1 }), normOf(12), new nn.ReLU()];
  const x = randn([2, 8, 9, 9]);
  const addend = randn([2, 12, 9, 9]);
  const separate = () => noGrad(() => norm.forward(conv.forward(x)).add(addend).relu());
  const together = () => noGrad(() => convNorm(conv, norm, relu, x, addend));

  it('run as one kernel in evaluation without gradients', async () => {
    let calls = 0;
    const handle = relu.registerForwardHook(() => {
      calls++;
    });
    expect(await close(together(), separate())).toBeLessThan(5e-6);
    expect(calls).toBe(1); // a layer with a hook is called
    handle.remove();
    const out = together();
    expect(calls).toBe(1);
    expect(await close(out, separate())).toBeLessThan(5e-6);
    const model = new nn.Sequential(conv, norm, relu);
    const want = noGrad(() => norm.forward(conv.forward(x)).relu());
    const got = noGrad(() => model.forward(x));
    expect(await close(got, want)).toBeLessThan(5e-6);
    expect(await got.equal(want)).toBe(false); // so it was folded
    expect(await model.forward(x).equal(want)).toBe(true); // and here not
  });

  it('see a change of each of their tensors', async () => {
    for (const source of [conv.weight, conv.bias, norm.weight, norm.bias, norm.runningMean, norm.runningVar]) {
      together();
      noGrad(() => source?.add_(0.25));
      expect(await close(together(), separate())).toBeLessThan(5e-6);
    }
    norm.train();
    noGrad(() => norm.forward(randn([4, 12, 3, 3])));
    expect(await close(together(), separate())).toBeLessThan(5e-6); // both by the batch's statistics
    norm.eval();
    expect(await close(together(), separate())).toBeLessThan(5e-6);
  });

  it('keep what they made inside a scope, and no more', async () => {
    const first = scope(() => together());
    noGrad(() => conv.weight.add_(0.1));
    const runs = [];
    for (let i = 0; i < 4; i++) {
      scope(() => together()).dispose();
      runs.push(memory().live);
    }
    expect(runs[3]).toBe(runs[2]);
    expect(first.shape).toEqual([2, 12, 9, 9]);
  });

  it('take layers that do not fold as they are', async () => {
    const group = new nn.GroupNorm(3, 12);
    const want = noGrad(() => group.forward(conv.forward(x)).relu());
    expect(await noGrad(() => convNorm(conv, group, relu, x)).equal(want)).toBe(true);
    const silu = new nn.SiLU();
    const smooth = noGrad(() => F.silu(norm.forward(conv.forward(x))));
    expect(
      await close(
        noGrad(() => convNorm(conv, norm, silu, x)),
        smooth,
      ),
    ).toBeLessThan(5e-6);
    const channel = randn([1, 12, 1, 1]); // is broadcast
    const added = noGrad(() => norm.forward(conv.forward(x)).add(channel).relu());
    expect(
      await close(
        noGrad(() => convNorm(conv, norm, relu, x, channel)),
        added,
      ),
    ).toBeLessThan(5e-6);
  });
});

describe('the epilogue of a convolution', () => {
  it.each(['none', 'relu', 'relu6'] as const)(
    'has the bits and gradients of the separate ops: %s',
    async (activation) => {
      const activate = { none: (t: Tensor) => t, relu: F.relu, relu6: F.relu6 }[activation];
      for (const shape of [
        [2, 5, 9, 7],
        [3, 16, 8, 8],
      ]) {
        const outputs = [];
        for (const fused of [true, false]) {
          manualSeed(4);
          const x = randn(shape, { requiresGrad: true });
          const weight = randn([18, shape[1], 3, 3], { requiresGrad: true });
          const addend = randn([shape[0], 18, shape[2], shape[3]]).mul(3).requiresGrad_();
          const y = fused
            ? convNd(2, x, weight, null, { padding: 1 }, { activation, addend })
            : activate(F.conv2d(x, weight, null, { padding: 1 }).add(addend));
          y.backward({ gradient: randn(y.shape) });
          outputs.push(await Promise.all([y, x.grad, weight.grad, addend.grad].map((t) => t?.data())));
        }
        expect(outputs[0]).toEqual(outputs[1]);
      }
    },
  );
});

describe('a convolution, its ReLU and max pooling', () => {
  const shapes: [input: number[], conv: number[], pool: nn.MaxPool2d][] = [
    [[3, 16, 12, 12], [16, 3, 1], new nn.MaxPool2d(2)],
    [[2, 9, 15, 13], [19, 3, 1], new nn.MaxPool2d(2)], // odd sizes, lanes left over
    [[2, 33, 6, 5], [40, 3, 2], new nn.MaxPool2d(2)],
    [[1, 256, 6, 6], [256, 3, 1], new nn.MaxPool2d(2)], // in phases
    [[2, 3, 12, 11], [8, 5, 0], new nn.MaxPool2d(3, { stride: 2, padding: 1, ceilMode: true })],
    [[2, 16, 12, 12], [16, 3, 1], new nn.MaxPool2d(2, { stride: 2, ceilMode: true })],
    [[16, 12, 12], [16, 3, 1], new nn.MaxPool2d(2)], // no batch
  ];
  const run = async (relu: () => nn.Module, at: number, holes = false) => {
    const [shape, [outputs, kernel, padding], pool] = shapes[at];
    manualSeed(4);
    const conv = new nn.Conv2d(shape[shape.length - 3], outputs, kernel, { padding });
    const model = new nn.Sequential(conv, relu(), pool, new nn.Flatten());
    const x = randn(shape);
    if (holes) x.flatten().set([5], Number.NaN);
    x.requiresGrad_();
    const y = model.forward(x);
    y.backward({ gradient: randn(y.shape) });
    return Promise.all([y, x.grad, conv.weight.grad, conv.bias?.grad].map((t) => t?.data()));
  };
  // convolutionMaxPool is the record of the op.
  it.each(shapes.map((_, i) => i))('have the bits and gradients of the separate layers: %i', async (i) => {
    expect(await run(() => new nn.ReLU(), i)).toEqual(await run(() => new OwnReLU(), i));
  });
  it('pass NaN on', async () => {
    const [y] = await run(() => new nn.ReLU(), 1, true);
    expect((y as Float32Array).some(Number.isNaN)).toBe(true);
    expect(y).toEqual((await run(() => new OwnReLU(), 1, true))[0]);
  });
  it('keep nothing of what lies between them', () => {
    const peak = (relu: nn.Module): number => {
      const model = new nn.Sequential(new nn.Conv2d(16, 16, 3, { padding: 1 }), relu, new nn.MaxPool2d(2));
      const x = randn([4, 16, 64, 64]);
      const before = memory().live;
      const y = model.forward(x);
      const grown = memory().live - before;
      y.dispose();
      return grown;
    };
    expect(peak(new OwnReLU()) - peak(new nn.ReLU())).toBeGreaterThanOrEqual(4 * 16 * 64 * 64 * 4);
  });
  it('fold a normalization between them', async () => {
    const layers = [new nn.Conv2d(8, 12, 3, { padding: 1 }), normOf(12), new nn.ReLU(), new nn.MaxPool2d(2)];
    const x = randn([2, 8, 10, 9]);
    const want = noGrad(() => layers.reduce<Tensor>((t, layer) => layer.forward(t) as Tensor, x));
    const got = noGrad(() => new nn.Sequential(...(layers as nn.Module[])).forward(x));
    expect(got.shape).toEqual([2, 12, 5, 4]);
    expect(await close(got, want)).toBeLessThan(5e-6);
  });
  it('name the layer whose window does not fit', () => {
    const model = new nn.Sequential(new nn.Conv2d(8, 8, 3), new nn.ReLU(), new nn.MaxPool2d(9));
    expect(() => model.forward(randn([1, 8, 8, 8]))).toThrow(/2.*MaxPool2d|maxPool2d/);
  });
});

describe('Sequential without gradients', () => {
  const layers = (): nn.Module[] => [
    new nn.Conv2d(4, 8, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Dropout(0.5),
    new nn.Conv2d(8, 8, 3, { padding: 1 }),
    new nn.Flatten(),
    new nn.Linear(8 * 64, 5),
  ];
  const x = randn([16, 4, 8, 8]);

  it('frees what only the next layer needed', async () => {
    const model = new nn.Sequential(...layers()).eval();
    const want = model.forward(x).detach();
    const before = memory();
    const got = scope(() => {
      const y = noGrad(() => model.forward(x));
      expect(memory().live - before.live).toBeLessThan(16 * 8 * 64 * 4); // not even one map between the layers
      return y;
    });
    expect(await got.equal(want)).toBe(true);
    expect(x.isDisposed).toBe(false);
  });
  it('leaves alone what somebody else may have seen', async () => {
    const seen: Tensor[] = [];
    class Watching extends nn.ReLU {
      override forward(t: Tensor): Tensor {
        seen.push(t.keep());
        return super.forward(t);
      }
    }
    const [first, , , second, ...rest] = layers();
    first.registerForwardHook((_module, _inputs, output) => {
      seen.push((output as Tensor).keep());
    });
    const model = new nn.Sequential(first, new nn.Identity(), second, new Watching(), ...rest).eval();
    noGrad(() => model.forward(x));
    expect(seen.length).toBe(2);
    for (const t of seen) expect((await t.data()).length).toBe(t.numel);
    const flat = new nn.Sequential(new nn.Flatten(), new nn.Dropout(0.5), new nn.Linear(256, 3)).eval();
    noGrad(() => flat.forward(x));
    expect((await x.data()).length).toBe(x.numel);
  });
});
