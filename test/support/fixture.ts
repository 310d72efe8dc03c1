// Reads test/fixtures/<family>.json and makes tensors of its inputs, in several memory layouts.
import { readFileSync } from 'node:fs';
import { fromTypedArray } from '../../lib/tensor/create.js';
import { type DType, newTypedArray } from '../../lib/tensor/dtype.js';
import type { Tensor } from '../../lib/tensor/tensor.js';
import type { Values } from './compare.js';

export type Json = number | string | boolean | null | Json[] | { [key: string]: Json };
export type Args = { [key: string]: Json };

export interface Input extends Values {
  grad: boolean;
}

/** One call of PyTorch's function; test/fixtures/support.py writes it. */
export interface Sample {
  inputs: Input[];
  args: Args;
  outputs: Values[];
  length: number;
  ulps: number;
  range?: number;
  numeric?: false;
  cotangents?: (Values | null)[];
  grads?: Values[];
}

const revive = (_key: string, value: unknown): unknown =>
  value === 'NaN' ? Number.NaN : value === 'Infinity' ? Infinity : value === '-Infinity' ? -Infinity : value;

export function readFixture(family: string): Record<string, Sample[]> {
  const path = new URL(`../fixtures/${family}.json`, import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8'), revive) as { ops: Record<string, Sample[]> }).ops;
}

/** How a test tensor lies in memory. All but contiguous are views of a larger or differently ordered tensor. */
export type Layout = 'contiguous' | 'strided' | 'transposed' | 'channelsLast';

export const layoutsOf = (sample: Sample): Layout[] => {
  const most = Math.max(...sample.inputs.map((input) => input.shape.length), 0);
  const layouts: Layout[] = ['contiguous', 'strided'];
  if (most >= 2) layouts.push('transposed');
  if (most === 4 || most === 5) layouts.push('channelsLast');
  return layouts;
};

/** Fixtures hold float64; a float32 run reads them as float32. Other dtypes stay. */
export const actualDType = (recorded: string, run: string): DType => (recorded === 'float64' ? run : recorded) as DType;

function typed(values: readonly number[], dtype: DType) {
  const array = newTypedArray(dtype, values.length);
  for (let i = 0; i < values.length; i++) {
    if (array instanceof BigInt64Array) array[i] = BigInt(values[i]);
    else array[i] = values[i];
  }
  return array;
}

const contiguousTensor = (values: readonly number[], shape: readonly number[], dtype: DType): Tensor =>
  fromTypedArray(typed(values, dtype), shape, dtype);

/** Every third element of a larger block; what lies between would spoil any result that touches it. */
function strided(values: readonly number[], shape: readonly number[], dtype: DType): Tensor {
  const between = dtype.startsWith('float') ? Number.NaN : 1;
  const wide = values.flatMap((value) => [between, value, between]);
  return contiguousTensor(wide, [...shape, 3], dtype).select(-1, 1);
}

function transposed(values: readonly number[], shape: readonly number[], dtype: DType): Tensor {
  const axes = shape.map((_, i) => shape.length - 1 - i);
  return contiguousTensor(values, shape, dtype).permute(axes).contiguous().permute(axes);
}

/** A leaf tensor with these values that lies in memory as asked, as far as its number of axes allows. */
export function makeTensor(values: Values, run: string, layout: Layout, data = values.data): Tensor {
  const dtype = actualDType(values.dtype, run);
  const { shape } = values;
  if (layout === 'strided') return strided(data, shape, dtype).detach();
  if (layout === 'transposed' && shape.length > 1) return transposed(data, shape, dtype).detach();
  const plain = contiguousTensor(data, shape, dtype);
  return layout === 'channelsLast' && shape.length >= 4 ? plain.contiguous('channelsLast').detach() : plain;
}

/** A tensor's elements as numbers. */
export async function read(tensor: Tensor): Promise<Values> {
  const data = Array.from(await tensor.data(), Number);
  return { dtype: tensor.dtype, shape: [...tensor.shape], data };
}
