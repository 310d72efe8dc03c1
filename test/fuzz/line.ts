// A call as one line: JSON that `npm run fuzz -- --replay` takes, and a shorter text for readers.
import { type Arg, TensorArg } from '../reference/draw.js';
import { entries } from '../reference/entry.js';
import type { Call, Form } from './call.js';

type Json = number | string | boolean | null | Json[] | { [key: string]: Json };

function toJson(arg: Arg): Json {
  if (arg === undefined) return { undefined: true };
  if (typeof arg === 'number' && (!Number.isFinite(arg) || Object.is(arg, -0))) {
    return { number: Object.is(arg, -0) ? '-0' : String(arg) };
  }
  if (arg instanceof TensorArg) return tensorJson(arg);
  if (Array.isArray(arg)) return arg.map(toJson);
  if (typeof arg !== 'object' || arg === null) return arg as Json;
  return Object.fromEntries(Object.entries(arg).map(([key, value]) => [key, toJson(value)]));
}

function tensorJson({ shape, dtype, values, low, high, seed, grad, layout }: TensorArg): Json {
  const own: { [key: string]: Json } = { tensor: [...shape], dtype };
  if (typeof values === 'string') Object.assign(own, { values, low: toJson(low), high: toJson(high), seed });
  else own.values = values.map(toJson);
  if (!grad) own.grad = false;
  return { ...own, ...(layout as { [key: string]: Json }) };
}

function fromJson(json: Json): Arg {
  if (Array.isArray(json)) return json.map(fromJson);
  if (typeof json !== 'object' || json === null) return json;
  if ('undefined' in json) return undefined;
  if ('number' in json) return Number(json.number);
  if ('tensor' in json) return tensorFrom(json);
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, fromJson(value)]));
}

function tensorFrom(json: { [key: string]: Json }): TensorArg {
  const { tensor, dtype, values, low = -3, high = 3, seed = 0, grad = true, ...layout } = json;
  return new TensorArg({
    shape: tensor as number[],
    dtype: dtype as TensorArg['dtype'],
    values: (typeof values === 'string' ? values : fromJson(values)) as TensorArg['values'],
    low: fromJson(low) as number,
    high: fromJson(high) as number,
    seed: seed as number,
    grad: grad as boolean,
    layout,
  });
}

/** The line that repeats a call. */
export function lineOf(call: Call): string {
  return JSON.stringify({ op: call.entry.name, form: call.form, args: call.args.map(toJson) });
}

export function callFrom(line: string): Call {
  const { op, form, args } = JSON.parse(line) as { op: string; form: Form; args: Json[] };
  const entry = entries.get(op);
  if (!entry) throw new Error(`no entry ${op}`);
  return { entry, form, args: args.map(fromJson) };
}

/** A value as readers of a failure need it. */
export function textOf(arg: Arg): string {
  if (arg instanceof TensorArg) {
    const layout = Object.entries(arg.layout).map(([key, value]) => ` ${key} ${value}`);
    const values = typeof arg.values === 'string' ? '' : ` = [${arg.values}]`;
    return `<${arg.dtype} [${arg.shape}]${layout.join('')}${values}>`;
  }
  if (Array.isArray(arg)) return `[${arg.map(textOf).join(', ')}]`;
  if (typeof arg === 'string') return `'${arg}'`;
  if (typeof arg !== 'object' || arg === null) return String(arg);
  const fields = Object.entries(arg).map(([key, value]) => `${key}: ${textOf(value)}`);
  return `{ ${fields.join(', ')} }`;
}

export const callText = (call: Call): string => `${call.entry.name}(${call.args.map(textOf).join(', ')})`;
