// The checks that every spec runs for every sample. Each throws with what was wrong; none passes without comparing.
import { grad } from '../../lib/autograd/engine.js';
import { Tensor } from '../../lib/tensor/tensor.js';
import { difference, isFloat, magnitude, type Values } from './compare.js';
import { type Args, actualDType, type Layout, makeTensor, read, type Sample } from './fixture.js';

export type Call = (inputs: Tensor[], args: Args) => Tensor | readonly Tensor[];

const list = (result: Tensor | readonly Tensor[]): readonly Tensor[] => (result instanceof Tensor ? [result] : result);

const floatRange = (values: readonly (Values | null)[]): number =>
  Math.max(0, ...values.map((v) => (v && isFloat(v.dtype) ? magnitude(v.data) : 0)));

const inRun = (values: Values, run: string): Values => ({ ...values, dtype: actualDType(values.dtype, run) });

function expectEqual(what: string, got: Values, want: Values, sample: Sample, range: number): void {
  const problem = difference(got, want, sample, range);
  if (problem) throw new Error(`${what}: ${problem}`);
}

/** Results, and that the inputs were left alone. */
export async function checkForward(call: Call, sample: Sample, run: string, layout: Layout): Promise<void> {
  const inputs = sample.inputs.map((input) => makeTensor(input, run, layout));
  const outputs = list(call(inputs, sample.args));
  if (outputs.length !== sample.outputs.length) {
    throw new Error(`${outputs.length} outputs, expected ${sample.outputs.length}`);
  }
  for (const [i, want] of sample.outputs.entries()) {
    expectEqual(`output ${i}`, await read(outputs[i]), inRun(want, run), sample, floatRange(sample.inputs));
  }
  for (const [i, input] of sample.inputs.entries()) {
    const exact = { length: 0, ulps: 0 };
    const problem = difference(await read(inputs[i]), inRun(input, run), exact, 0);
    if (problem) throw new Error(`input ${i} was changed: ${problem}`);
  }
}

interface Recorded {
  inputs: Tensor[];
  all: Tensor[];
  leaves: Tensor[];
  outputs: Tensor[];
  cotangents: Tensor[];
}

/** A recorded call. `data` replaces inputs' values; `only` lets one input alone require a gradient. */
function record(call: Call, sample: Sample, run: string, layout: Layout, data?: number[][], only?: number): Recorded {
  const inputs = sample.inputs.map((input, i) => makeTensor(input, run, layout, data?.[i]));
  const leaves: Tensor[] = [];
  for (const [i, input] of sample.inputs.entries()) {
    if (input.grad && (only === undefined || only === i)) leaves.push(inputs[i].requiresGrad_());
  }
  const all = list(call(inputs, sample.args));
  const outputs: Tensor[] = [];
  const cotangents: Tensor[] = [];
  for (const [i, values] of (sample.cotangents ?? []).entries()) {
    if (!values || (only !== undefined && !all[i].requiresGrad)) continue;
    outputs.push(all[i]);
    cotangents.push(makeTensor(values, run, layout));
  }
  return { inputs, all: [...all], leaves, outputs, cotangents };
}

const gradientsOf = (r: Recorded, createGraph = false): (Tensor | null)[] =>
  grad(r.outputs, r.leaves, { gradOutputs: r.cotangents, allowUnused: true, createGraph });

async function expectGradient(
  what: string,
  got: Tensor | null,
  want: Values,
  sample: Sample,
  run: string,
): Promise<void> {
  const range = Math.max(floatRange(sample.inputs), floatRange(sample.cotangents ?? []), floatRange(sample.outputs));
  const expected = inRun(want, run);
  const values = got ? await read(got) : { ...expected, data: expected.data.map(() => 0) };
  expectEqual(what, values, expected, sample, range);
}

/** Gradients against the fixture: by backward() into `grad` fields, and for each input on its own. */
export async function checkGradient(call: Call, sample: Sample, run: string, layout: Layout): Promise<void> {
  const wanted = sample.grads ?? [];
  const together = record(call, sample, run, layout);
  if (together.outputs.length === 1) {
    together.outputs[0].backward({ gradient: together.cotangents[0] });
    for (const [i, want] of wanted.entries()) {
      await expectGradient(`gradient ${i}`, together.leaves[i].grad, want, sample, run);
    }
  } else {
    const grads = gradientsOf(together);
    for (const [i, want] of wanted.entries()) await expectGradient(`gradient ${i}`, grads[i], want, sample, run);
  }
  if (wanted.length < 2) return;
  let at = 0;
  for (const [i, input] of sample.inputs.entries()) {
    if (!input.grad) continue;
    const alone = record(call, sample, run, layout, undefined, i);
    const [own] = alone.outputs.length > 0 ? gradientsOf(alone) : [null];
    await expectGradient(`gradient of input ${i} alone`, own, wanted[at++], sample, run);
  }
}

/** A run in float32 whose inputs and incoming gradients have the values that a narrow dtype can hold. */
function widened(
  call: Call,
  sample: Sample,
  dtype: 'bfloat16' | 'float16',
): { outputs: Tensor[]; grads: (Tensor | null)[] } {
  const rounded = (values: Values): Values => {
    const data = Array.from(makeTensor(values, dtype, 'contiguous').dataSync(), Number);
    return { ...values, data };
  };
  const inputs = sample.inputs.map((input) => ({ ...input, ...rounded(input) }));
  const cotangents = sample.cotangents?.map((values) => values && rounded(values));
  return recorded(call, { ...sample, inputs, cotangents }, 'float32');
}

function recorded(call: Call, sample: Sample, run: string): { outputs: Tensor[]; grads: (Tensor | null)[] } {
  const r = record(call, sample, run, 'contiguous');
  return { outputs: r.all, grads: r.outputs.length > 0 && r.leaves.length > 0 ? gradientsOf(r) : [] };
}

/**
 * bfloat16 or float16: what the float32 run gives for the same rounded inputs, rounded. Ops that compute in one step give
 * exactly that; those of several steps, and gradients, round in between.
 */
export async function checkNarrow(call: Call, sample: Sample, dtype: 'bfloat16' | 'float16'): Promise<void> {
  const got = recorded(call, sample, dtype);
  const want = widened(call, sample, dtype);
  const range = Math.max(floatRange(sample.inputs), floatRange(sample.cotangents ?? []), floatRange(sample.outputs));
  const expect = async (what: string, tensor: Tensor | null, wide: Tensor | null): Promise<void> => {
    if (!tensor || !wide) {
      if (tensor !== wide) throw new Error(`${what}: ${tensor ? 'a tensor' : 'nothing'}, expected the opposite`);
      return;
    }
    const asked = Object.values(sample.args).includes('float32');
    const expected = wide.dtype === 'float32' && !asked ? wide.to(dtype) : wide;
    const accuracy = { length: sample.length, ulps: 4 };
    expectEqual(what, await read(tensor), await read(expected), { ...sample, ...accuracy, range: undefined }, range);
  };
  if (got.outputs.length !== want.outputs.length) throw new Error(`${got.outputs.length} outputs`);
  for (const [i, output] of got.outputs.entries()) await expect(`output ${i}`, output, want.outputs[i]);
  for (const [i, g] of got.grads.entries()) await expect(`gradient ${i}`, g, want.grads[i]);
}

const STEP = 1e-5;

function* directions(count: number): Generator<number[]> {
  if (count <= 16) {
    for (let i = 0; i < count; i++) yield Array.from({ length: count }, (_, k) => (k === i ? 1 : 0));
    return;
  }
  // Fixed pseudo-random signs and sizes: each direction touches every element.
  let state = 12345;
  const next = (): number => {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    return state / 2 ** 30 - 1;
  };
  for (let k = 0; k < 4; k++) yield Array.from({ length: count }, next);
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i], 0);

/** Compares claimed gradients of a scalar function of the inputs with central differences of it. */
async function compareNumeric(
  what: string,
  sample: Sample,
  claimed: readonly (readonly number[])[],
  scalar: (data: number[][]) => Promise<number>,
): Promise<void> {
  let compared = 0;
  let at = 0;
  for (const [i, input] of sample.inputs.entries()) {
    if (!input.grad) continue;
    const own = claimed[at++];
    for (const direction of directions(input.data.length)) {
      const shifted = (sign: number) =>
        sample.inputs.map((other, k) =>
          k === i ? input.data.map((x, j) => x + sign * STEP * direction[j]) : other.data,
        );
      const up = await scalar(shifted(1));
      const down = await scalar(shifted(-1));
      const numeric = (up - down) / (2 * STEP);
      const analytic = dot(own, direction);
      const scale = own.reduce((sum, g, j) => sum + Math.abs(g * direction[j]), 0);
      const allowed = 1e-6 * (1 + scale) + (4e-16 * (Math.abs(up) + Math.abs(down))) / STEP;
      if (!(Math.abs(numeric - analytic) <= allowed)) {
        throw new Error(`${what} of input ${i}: ${analytic}, finite differences give ${numeric} (allowed ${allowed})`);
      }
      compared++;
    }
  }
  if (compared === 0 && sample.inputs.some((input) => input.grad && input.data.length > 0)) {
    throw new Error(`${what}: nothing was compared`);
  }
}

const weigh = async (tensors: readonly (Tensor | null)[], weights: readonly Values[]): Promise<number> => {
  let sum = 0;
  for (const [i, tensor] of tensors.entries()) if (tensor) sum += dot((await read(tensor)).data, weights[i].data);
  return sum;
};

/** Gradients against finite differences, in float64. */
export async function checkNumeric(call: Call, sample: Sample): Promise<void> {
  const weights = (sample.cotangents ?? []).filter((c) => c !== null);
  await compareNumeric(
    'gradient',
    sample,
    (sample.grads ?? []).map((g) => g.data),
    async (data) => weigh(record(call, sample, 'float64', 'contiguous', data).outputs, weights),
  );
}

/** Second derivatives: the recorded backward pass against finite differences of the first gradients, in float64. */
export async function checkSecond(call: Call, sample: Sample): Promise<void> {
  const wanted = sample.grads ?? [];
  // Weights for the gradients: any fixed numbers.
  const weights = wanted.map((g, i) => ({ ...g, data: g.data.map((_, k) => ((7 * k + 3 * i) % 11) / 8 - 0.5) }));
  const r = record(call, sample, 'float64', 'contiguous');
  const first = gradientsOf(r, true);
  const used = first.flatMap((g, i) => (g?.requiresGrad ? [i] : []));
  const second =
    used.length === 0
      ? r.leaves.map(() => null)
      : grad(
          used.map((i) => first[i] as Tensor),
          r.leaves,
          { gradOutputs: used.map((i) => makeTensor(weights[i], 'float64', 'contiguous')), allowUnused: true },
        );
  const claimed: number[][] = [];
  for (const [i, g] of second.entries()) claimed.push(g ? (await read(g)).data : wanted[i].data.map(() => 0));
  await compareNumeric('second derivative', sample, claimed, async (data) =>
    weigh(gradientsOf(record(call, sample, 'float64', 'contiguous', data)), weights),
  );
}
