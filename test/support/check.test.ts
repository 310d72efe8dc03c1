// The gate's own test: each check must reject an op that is wrong in the way it looks for.
import { describe, expect, it } from 'vitest';
import { add, mul, type Tensor } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { BinaryOp } from '../../lib/ops/codes.js';
import { defineOp } from '../../lib/ops/define.js';
import { runBinary } from '../../lib/ops/elementwise.js';
import { type Call, checkForward, checkGradient, checkNarrow, checkNumeric, checkSecond } from './check.js';
import { layoutsOf, readFixture } from './fixture.js';

const [sample] = readFixture('arithmetic').mul;
const binary: (f: (a: Tensor, b: Tensor) => Tensor) => Call = (f) => (inputs) => f(inputs[0], inputs[1]);

const forward = (a: Tensor, b: Tensor): Tensor => runBinary('mul', BinaryOp.mul, a, b);
const save = (_out: Tensor, a: Tensor, b: Tensor) => ({ a, b });
const inputs = ['a', 'b'];
const wrongGradient = defineOp({
  name: 'wrongGradient',
  inputs,
  forward,
  save,
  backward: ([g], { a, b }) => [mul(g, a), mul(g, b)],
});
const noGradient = defineOp({ name: 'noGradient', inputs, forward, save, backward: () => [null, null] });
const ignoresNeeds = defineOp({
  name: 'ignoresNeeds',
  inputs,
  forward,
  save,
  backward: ([g], { a, b }, needs) => (needs[0] ? [mul(g, b), mul(g, a)] : [mul(g, b), mul(g, b)]),
});
const cutSecond = defineOp({
  name: 'cutSecond',
  inputs,
  forward,
  save,
  backward: ([g], { a, b }) => [mul(g.detach(), b.detach()), mul(g.detach(), a.detach())],
});
/** Reads its first input as if it were contiguous. */
const ignoresStrides = (a: Tensor, b: Tensor): Tensor => {
  if (a.isContiguous()) return mul(a, b);
  const flat = a.contiguous().add(1);
  return mul(flat, b);
};
const changesInput = (a: Tensor, b: Tensor): Tensor => {
  const out = mul(a, b);
  native.binaryScalar(BinaryOp.add, a._id, a._id, 1, false);
  return out;
};

describe('checks', () => {
  it('accept a correct op', async () => {
    expect(layoutsOf(sample)).toEqual(['contiguous', 'strided', 'transposed']);
    for (const layout of layoutsOf(sample)) {
      await checkForward(binary(mul), sample, 'float32', layout);
      await checkGradient(binary(mul), sample, 'float64', layout);
    }
    await checkNumeric(binary(mul), sample);
    await checkSecond(binary(mul), sample);
  });
  it('reject wrong results', async () => {
    await expect(checkForward(binary(add), sample, 'float64', 'contiguous')).rejects.toThrow(
      /output 0: .* values wrong/,
    );
    await expect(
      checkForward(
        binary((a) => a.reshape([6])),
        sample,
        'float64',
        'contiguous',
      ),
    ).rejects.toThrow(/shape/);
    await expect(
      checkForward(
        binary((a, b) => mul(a, b).float()),
        sample,
        'float64',
        'contiguous',
      ),
    ).rejects.toThrow(/dtype/);
    await expect(checkForward(() => [], sample, 'float64', 'contiguous')).rejects.toThrow(/0 outputs, expected 1/);
  });
  it('reject an op that ignores strides', async () => {
    await checkForward(binary(ignoresStrides), sample, 'float32', 'contiguous');
    await expect(checkForward(binary(ignoresStrides), sample, 'float32', 'strided')).rejects.toThrow(/output 0/);
    await expect(checkForward(binary(ignoresStrides), sample, 'float32', 'transposed')).rejects.toThrow(/output 0/);
  });
  it('reject an op that changes its input', async () => {
    await expect(checkForward(binary(changesInput), sample, 'float64', 'contiguous')).rejects.toThrow(
      /input 0 was changed/,
    );
  });
  it('reject wrong and missing gradients', async () => {
    for (const op of [wrongGradient, noGradient]) {
      await expect(checkGradient(binary(op), sample, 'float64', 'contiguous')).rejects.toThrow(/gradient 0: /);
    }
    await expect(checkGradient(binary(ignoresNeeds), sample, 'float64', 'contiguous')).rejects.toThrow(/input 1 alone/);
    const wrongClaim = { ...sample, grads: sample.grads?.map((g) => ({ ...g, data: g.data.map((x) => x * 1.001) })) };
    await expect(checkNumeric(binary(mul), wrongClaim)).rejects.toThrow(/finite differences give/);
  });
  it('reject a wrong second derivative', async () => {
    await expect(checkSecond(binary(cutSecond), sample)).rejects.toThrow(/second derivative/);
  });
  it('of narrow dtypes reject wrong values, dtypes and gradients', async () => {
    const narrow = (f: (a: Tensor, b: Tensor) => Tensor) => checkNarrow(binary(f), sample, 'bfloat16');
    await narrow(mul);
    await expect(narrow((a, b) => mul(a, b).mul(a.dtype === 'bfloat16' ? 1.2 : 1))).rejects.toThrow(/output 0.*wrong/);
    await expect(narrow((a, b) => mul(a.float(), b.float()))).rejects.toThrow(/float32/);
    await expect(narrow((a, b) => mul(a, a.dtype === 'bfloat16' ? b.detach() : b))).rejects.toThrow(/gradient/);
  });
});
