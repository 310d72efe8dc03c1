// toString() as PyTorch prints: https://docs.pytorch.org/docs/2.13/generated/torch.set_printoptions.html
import type { DType, TypedArray } from './dtype.js';
import { getDefaultDType, isFloating } from './dtype.js';
import { numelOf } from './layout.js';
import { Tensor } from './tensor.js';

const PRECISION = 4;
const THRESHOLD = 1000;
const EDGE_ITEMS = 3;
const LINE_WIDTH = 80;

type Format = (value: number | bigint) => string;

/** Python rounds a tie to the even digit, JavaScript away from zero. `exact` shows x with many more digits. */
function halfToEven(rounded: string, exact: string): string {
  const [digits, exponent = ''] = exact.split('e');
  const cut = digits.indexOf('.') + 1 + PRECISION;
  if (!/^50*$/.test(digits.slice(cut)) || Number(digits[cut - 1]) % 2 === 1) return rounded;
  return digits.slice(0, cut) + (exponent && `e${exponent}`);
}

/** Python's `{x:.4e}`: at least two digits of exponent. */
function exponential(x: number): string {
  const text = halfToEven(x.toExponential(PRECISION), x.toExponential(60));
  return text.replace(/e([+-])(\d)$/, (_, sign: string, digit: string) => `e${sign}0${digit}`);
}

const fixed = (x: number): string => halfToEven(x.toFixed(PRECISION), x.toFixed(60));

function special(x: number): string {
  if (Number.isNaN(x)) return 'nan';
  return x > 0 ? 'inf' : '-inf';
}

/** PyTorch's rules: the width comes from the values that are finite and not 0. */
function floatFormat(values: readonly number[]): Format {
  const counted = values.filter((x) => Number.isFinite(x) && x !== 0);
  const sizes = counted.map(Math.abs);
  const max = Math.max(...sizes);
  const min = Math.min(...sizes);
  const integral = counted.every(Number.isInteger);
  const scientific = max / min > 1000 || max > 1e8 || (!integral && min < 1e-4);
  let text: (x: number) => string;
  if (scientific && counted.length > 0) text = exponential;
  else if (integral) text = (x) => `${Object.is(x, -0) ? '-0' : x}.`;
  else text = (x) => `${Object.is(x, -0) ? '-' : ''}${fixed(x)}`;
  const width = Math.max(1, ...counted.map((x) => text(x).length));
  return (value) => (Number.isFinite(value as number) ? text(Number(value)) : special(Number(value))).padStart(width);
}

function formatFor(dtype: DType, values: readonly (number | bigint)[]): Format {
  if (dtype === 'bool') {
    const width = values.some((x) => !x) ? 5 : 4;
    return (value) => (value ? 'True' : 'False').padStart(values.length > 1 ? width : 0);
  }
  if (isFloating(dtype)) return floatFormat(values as number[]);
  const width = Math.max(0, ...values.map((x) => String(x).length));
  return (value) => String(value).padStart(width);
}

/** Positions of an axis that are shown; -1 stands for the dots. */
function shown(size: number, summarize: boolean): number[] {
  if (!summarize || size <= 2 * EDGE_ITEMS) return Array.from({ length: size }, (_, i) => i);
  const tail = Array.from({ length: EDGE_ITEMS }, (_, i) => size - EDGE_ITEMS + i);
  return [...Array.from({ length: EDGE_ITEMS }, (_, i) => i), -1, ...tail];
}

function visible(shape: readonly number[], data: TypedArray, summarize: boolean): (number | bigint)[] {
  const out: (number | bigint)[] = [];
  const walk = (axis: number, base: number): void => {
    if (axis === shape.length) out.push(data[base]);
    else for (const i of shown(shape[axis], summarize)) if (i >= 0) walk(axis + 1, base * shape[axis] + i);
  };
  walk(0, 0);
  return out;
}

function body(shape: readonly number[], data: TypedArray, dtype: DType): string {
  const summarize = data.length > THRESHOLD;
  const format = formatFor(dtype, visible(shape, data, summarize));
  const render = (axis: number, base: number, indent: number): string => {
    if (axis === shape.length) return format(data[base]);
    const items = shown(shape[axis], summarize).map((i) =>
      i < 0 ? (axis === shape.length - 1 ? ' ...' : '...') : render(axis + 1, base * shape[axis] + i, indent + 1),
    );
    if (axis < shape.length - 1) {
      const gap = `,${'\n'.repeat(shape.length - 1 - axis)}${' '.repeat(indent + 1)}`;
      return `[${items.join(gap)}]`;
    }
    const perLine = Math.max(1, Math.floor((LINE_WIDTH - indent) / ((items[0]?.length ?? 1) + 2)));
    const lines: string[] = [];
    for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(', '));
    return `[${lines.join(`,\n${' '.repeat(indent + 1)}`)}]`;
  };
  return render(0, 0, 'tensor('.length);
}

function suffix(tensor: Tensor): string {
  const parts: string[] = [];
  const byDefault = getDefaultDType();
  const implied = tensor.dtype === byDefault || tensor.dtype === 'int64' || tensor.dtype === 'bool';
  if (numelOf(tensor.shape) === 0 && tensor.ndim !== 1) parts.push(`size=(${tensor.shape.join(', ')})`);
  if (!implied || (numelOf(tensor.shape) === 0 && tensor.dtype !== byDefault))
    parts.push(`dtype=torch.${tensor.dtype}`);
  if (tensor._node) parts.push(`grad_fn=<${tensor._node.rule.name}>`);
  else if (tensor.requiresGrad) parts.push('requires_grad=True');
  return parts.length > 0 ? `, ${parts.join(', ')}` : '';
}

Tensor.prototype.toString = function () {
  if (this.isDisposed) return `tensor(<disposed>, shape=[${this.shape.join(', ')}])`;
  const text = this.numel === 0 ? '[]' : body(this.shape, this.dataSync(), this.dtype);
  return `tensor(${text}${suffix(this)})`.replace('torch.', '');
};
