import { describe, expect, it } from 'vitest';
import { autograd, manualSeed, memory, nn, noGrad, randn, type Tensor } from '../../lib/index.js';
import { normActivation } from '../../lib/nn/fusion.js';
import { add } from '../../lib/ops/pointwise/arithmetic.js';

/** Activations that no kernel knows, so that nothing is fused. */
class OwnReLU extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.relu();
  }
}
class OwnReLU6 extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.clamp(0, 6);
  }
}

type Layout = 'contiguous' | 'channelsLast';
interface Case {
  shape: number[];
  layout?: Layout;
  dtype?: 'float32' | 'float64' | 'bfloat16';
  addend?: number[];
  training?: boolean;
}

const normFor = (shape: readonly number[], dtype: 'float32' | 'float64'): nn.Module => {
  manualSeed(1);
  const Norm = shape.length === 4 ? nn.BatchNorm2d : shape.length === 5 ? nn.BatchNorm3d : nn.BatchNorm1d;
  const norm = new Norm(shape[1], { dtype });
  noGrad(() => {
    for (const p of [norm.weight, norm.bias]) p?.copy_(randn(p.shape, { dtype }).mul(3));
  });
  return norm;
};

/** Result, gradients and second gradients. */
async function results(activation: nn.Module, { shape, layout = 'contiguous', addend, ...rest }: Case) {
  const { dtype = 'float32', training = true } = rest;
  const norm = normFor(shape, dtype === 'float64' ? dtype : 'float32').train(training);
  manualSeed(2);
  const x = randn(shape).to(dtype).contiguous(layout).requiresGrad_();
  const more = addend && randn(addend).to(dtype).contiguous(layout).requiresGrad_();
  const y = normActivation(norm, activation, x, more);
  const leaves = [x, ...(more ? [more] : []), ...norm.parameters()];
  const gradient = randn(y.shape).to(dtype);
  const plain = autograd.grad(y, leaves, { gradOutputs: [gradient], retainGraph: true }) as Tensor[];
  const first = autograd.grad(y.mul(gradient).sum(), leaves, { createGraph: true }) as Tensor[];
  const second = autograd.grad(first[0].square().sum(), leaves, { allowUnused: true });
  const numbers = (list: (Tensor | null)[]) =>
    Promise.all(list.map(async (t) => (t ? Array.from(await t.data(), Number) : null)));
  return { y, exact: await numbers([y, ...plain, ...norm.buffers()]), close: await numbers([...first, ...second]) };
}

const CASES: Record<string, Case> = {
  images: { shape: [4, 6, 5, 7] },
  'images, channels last': { shape: [4, 20, 5, 7], layout: 'channelsLast' },
  'large images, channels last': { shape: [8, 64, 40, 40], layout: 'channelsLast' },
  vectors: { shape: [9, 5] },
  sequences: { shape: [3, 4, 11], dtype: 'float64' },
  volumes: { shape: [2, 3, 3, 4, 5] },
  'with an addend': { shape: [4, 6, 5, 7], addend: [4, 6, 5, 7] },
  'with an addend, channels last': { shape: [4, 16, 5, 7], addend: [4, 16, 5, 7], layout: 'channelsLast' },
  'with a broadcast addend': { shape: [4, 6, 5, 7], addend: [6, 1, 1] },
  'fixed statistics': { shape: [4, 6, 5, 7], training: false },
  'fixed statistics with an addend': { shape: [4, 6, 5, 7], addend: [4, 6, 5, 7], training: false },
  bfloat16: { shape: [4, 6, 5, 7], dtype: 'bfloat16', addend: [4, 6, 5, 7] },
};

describe('batch normalization and the activation behind it', () => {
  for (const [name, example] of Object.entries(CASES)) {
    for (const [kind, fused, separate] of [
      ['ReLU', new nn.ReLU(), new OwnReLU()],
      ['ReLU6', new nn.ReLU6(), new OwnReLU6()],
    ] as const) {
      it(`${kind}, ${name}: the bits of separate layers`, async () => {
        const one = await results(fused, example);
        const two = await results(separate, example);
        expect(one.exact).toEqual(two.exact);
        for (const [i, values] of one.close.entries()) {
          const others = two.close[i];
          expect(values === null).toBe(others === null);
          if (!values || !others) continue;
          const largest = others.reduce((most, v) => Math.max(most, Math.abs(v)), 1);
          const worst = values.reduce((most, v, j) => Math.max(most, Math.abs(v - others[j])), 0);
          expect(worst).toBeLessThan(1e-5 * largest);
        }
        const values = one.exact[0] as number[];
        expect(values.some((v) => v === 0)).toBe(true);
        expect(values.some((v) => v > 0)).toBe(true);
      });
    }
  }

  it('without gradients too', async () => {
    const x = randn([4, 6, 5, 7]);
    const addend = randn([4, 6, 5, 7]);
    for (const training of [true, false]) {
      const once = (relu: nn.Module) =>
        noGrad(() => normActivation(normFor(x.shape, 'float32').train(training), relu, x, addend));
      expect(await once(new nn.ReLU()).data()).toEqual(await once(new OwnReLU()).data());
    }
  });

  it('is one op in Sequential, keeps its input and not what stood between', async () => {
    const model = new nn.Sequential(new nn.BatchNorm2d(8), new nn.ReLU());
    const x = randn([16, 8, 32, 32], { requiresGrad: true });
    const before = memory().live;
    const y = model.forward(x);
    expect(y._node?.rule.name).toBe('batchNorm');
    expect(memory().live - before).toBeLessThan(1.1 * 4 * x.numel);
    y.sum().backward();
    expect(x.grad).not.toBeNull();
  });

  it('leaves layers with hooks and subclasses as they are', async () => {
    const seen: string[] = [];
    const norm = new nn.BatchNorm2d(3);
    norm.registerForwardHook((_m, _x, out) => {
      seen.push(`${(out as Tensor).min().itemSync() < 0}`);
    });
    const x = randn([2, 3, 4, 4]);
    new nn.Sequential(norm, new nn.ReLU()).forward(x);
    expect(seen).toEqual(['true']);
    const y = new nn.Sequential(new nn.BatchNorm2d(3), new OwnReLU()).forward(x.requiresGrad_());
    expect(y._node?.rule.name).toBe('relu');
  });

  it('keeps NaN and infinities as separate layers do', async () => {
    const x = randn([4, 3, 2, 2]);
    noGrad(() => x.select(1, 0).fill_(Number.NaN));
    const outs = [new nn.ReLU(), new OwnReLU()].map((relu) => normActivation(normFor(x.shape, 'float32'), relu, x));
    const [a, b] = await Promise.all(outs.map((t) => t.data()));
    expect(a).toEqual(b);
    expect(Number.isNaN(Number(a[0]))).toBe(true);
  });

  it('adds in the layout of the input', async () => {
    const norm = normFor([4, 6, 5, 7], 'float32').eval();
    const x = randn([4, 6, 5, 7]).contiguous('channelsLast');
    const addend = randn([4, 6, 5, 7]);
    const one = noGrad(() => normActivation(norm, new nn.ReLU(), x, addend));
    const two = noGrad(() => add(norm.forward(x), addend).relu());
    expect(await one.contiguous().data()).toEqual(await two.contiguous().data());
  });
});
