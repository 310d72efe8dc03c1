// Names of checkpoints that other libraries made, mapped to those of a model here.
import { ArgumentError, ShapeError, shapeText, valueText } from '../errors.js';
import { contiguous, transpose } from '../ops/shape/view.js';
import type { Tensor } from '../tensor/tensor.js';

/** What to look for in a name, and what to put in its place, as `String.replace` does it. */
export type NameRule = readonly [pattern: RegExp | string, replacement: string];

/** Rules, applied one after the other, or a function; null leaves the tensor out. */
export type Rename = readonly NameRule[] | ((name: string) => string | null);

/** @internal The function that a {@link Rename} stands for. */
export function renamer(op: string, rename: Rename): (name: string) => string | null {
  if (typeof rename === 'function') return rename;
  if (!Array.isArray(rename)) {
    throw new ArgumentError(op, `a list of rules or a function is needed, got ${valueText(rename)}`, rename);
  }
  for (const rule of rename as readonly unknown[]) {
    const [pattern, replacement] = Array.isArray(rule) ? (rule as unknown[]) : [];
    const good = (typeof pattern === 'string' || pattern instanceof RegExp) && typeof replacement === 'string';
    if (!good) throw new ArgumentError(op, `a rule is [pattern, replacement], got ${valueText(rule)}`, rule);
  }
  return (name) => rename.reduce((result: string, [pattern, by]: NameRule) => result.replace(pattern, by), name);
}

/** @internal New names by old ones, in their order; none twice. */
export function renamed(op: string, names: Iterable<string>, rename: Rename): Map<string, string> {
  const to = renamer(op, rename);
  const result = new Map<string, string>();
  const owners = new Map<string, string>();
  for (const name of names) {
    const chosen = to(name);
    if (chosen === null) continue;
    if (typeof chosen !== 'string') throw new ArgumentError(op, `${name} is renamed to ${valueText(chosen)}`, chosen);
    const owner = owners.get(chosen);
    if (owner !== undefined) throw new ArgumentError(op, `${owner} and ${name} both become ${chosen}`, chosen);
    owners.set(chosen, name);
    result.set(name, chosen);
  }
  return result;
}

/**
 * The same values under other names, in the same order: for checkpoints whose modules are called differently.
 *
 * @param rename rules `[pattern, replacement]`, applied to each name one after the other, or a function from name to name;
 * where it gives null the value is left out
 * @example
 * io.mapNames(state, [[/^module\./, ''], [/\.gamma$/, '.weight'], [/\.beta$/, '.bias']]);
 * io.mapNames(state, (name) => (name.startsWith('encoder.') ? name.slice(8) : null));
 * @throws ArgumentError when two names become the same.
 */
export function mapNames<T>(stateDict: Readonly<Record<string, T>>, rename: Rename): Record<string, T> {
  const names = renamed('mapNames', Object.keys(stateDict), rename);
  return Object.fromEntries([...names].map(([from, to]) => [to, stateDict[from]]));
}

/**
 * A state dict in which the matrices whose names match are transposed, others as they are. GPT-2's files keep the weights of
 * its linear layers as `[inFeatures, outFeatures]` (`Conv1D`); `nn.Linear` has `[outFeatures, inFeatures]`. `models.GPT` takes
 * such files as they are.
 *
 * @example
 * model.loadStateDict(io.transposeWeights(state, /\.(c_attn|c_proj|c_fc)\.weight$/));
 * @throws ArgumentError when no name matches; ShapeError when a match has not two axes.
 */
export function transposeWeights(stateDict: Readonly<Record<string, Tensor>>, pattern: RegExp): Record<string, Tensor> {
  const op = 'transposeWeights';
  const matches = new Set(Object.keys(stateDict).filter((name) => name.search(pattern) >= 0));
  if (matches.size === 0) throw new ArgumentError(op, `no name matches ${pattern}`, pattern);
  return Object.fromEntries(
    Object.entries(stateDict).map(([name, x]) => [name, matches.has(name) ? turned(op, name, x) : x]),
  );
}

function turned(op: string, name: string, x: Tensor): Tensor {
  if (x.ndim !== 2) throw new ShapeError(op, `${name} is no matrix but ${shapeText(x.shape)}`, x.shape);
  return contiguous(transpose(x, 0, 1));
}
