import { afterEach, describe, expect, it } from 'vitest';
import { ArgumentError, backends, conv2d, manualSeed, randn, type Tensor } from '../../lib/index.js';

const numbers = async (t: Tensor): Promise<number[]> => Array.from(await t.data(), Number);

/** Output and gradients of input, weight and bias of one convolution that Winograd's method takes. */
async function passes(dtype: 'float32' | 'float64', allow: boolean): Promise<number[][]> {
  backends.cpu.allowWinograd = allow;
  manualSeed(5);
  const leaf = (...shape: number[]) => randn(shape).to(dtype).detach().requiresGrad_();
  const [x, weight, bias] = [leaf(3, 20, 11, 9), leaf(18, 20, 3, 3), leaf(18)];
  const out = conv2d(x, weight, bias, { padding: 1 });
  out.mul(randn(out.shape).to(dtype)).sum().backward();
  const grads = [x, weight, bias].map((t) => numbers(t.grad as Tensor));
  return Promise.all([numbers(out), ...grads]);
}

function relativeError(got: number[], want: number[]): number {
  const norm = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(got.map((value, i) => value - want[i])) / norm(want);
}

describe('backends.cpu.allowWinograd', () => {
  afterEach(() => {
    backends.cpu.allowWinograd = true;
  });

  it('is true, and rounds every pass at most four times as much as a direct sum', async () => {
    expect(backends.cpu.allowWinograd).toBe(true);
    const fast = await passes('float32', true);
    const exact = await passes('float64', true);
    // Roundings walk: a sum of n products is off by about sqrt(n) of them. The longest here is over 3 x 11 x 9 pixels.
    const direct = Math.sqrt(297) * 2 ** -24;
    for (const [i, values] of fast.entries()) {
      expect(relativeError(values, exact[i]), `pass ${i}`).toBeLessThan(4 * direct);
    }
  });

  it('false asks for direct sums; float64 is direct anyway', async () => {
    const [fast, strict] = [await passes('float32', true), await passes('float32', false)];
    for (let i = 0; i < 3; i++) expect(fast[i], `pass ${i}`).not.toEqual(strict[i]);
    expect(await passes('float64', true)).toEqual(await passes('float64', false));
  });

  it('refuses anything but true and false', () => {
    expect(() => {
      backends.cpu.allowWinograd = 1 as never;
    }).toThrow(ArgumentError);
  });
});
