import { ArgumentError, valueText } from '../errors.js';
import { checkList } from './check.js';
import type { Philox } from './philox.js';

/** The items of each class, in the order in which the classes first appear. */
export function itemsByClass(op: string, labels: ArrayLike<number | string | bigint | boolean>): Uint32Array[] {
  checkList(op, 'labels', labels);
  const classes = new Map<unknown, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    if (typeof label === 'object' || label === undefined || Number.isNaN(label)) {
      throw new ArgumentError(op, `label ${i} is ${valueText(label)}`, label);
    }
    const items = classes.get(label);
    if (items) items.push(i);
    else classes.set(label, [i]);
  }
  return [...classes.values()].map((items) => Uint32Array.from(items));
}

/**
 * Deals shuffled items out to parts of these sizes, so that each part has the classes in the proportions of what is
 * left: rounded down, and what rounding leaves goes to the classes that lost most by it.
 */
export function dealByClass(classes: readonly Uint32Array[], sizes: Iterable<number>, random: Philox): Uint32Array[] {
  const decks = classes.map((items) => random.permutation(items.length).map((i) => items[i]));
  const used = decks.map(() => 0);
  let left = decks.reduce((sum, deck) => sum + deck.length, 0);
  const parts: Uint32Array[] = [];
  for (const size of sizes) {
    const part = new Uint32Array(size);
    let filled = 0;
    for (const [c, count] of shares(decks, used, size, left).entries()) {
      part.set(decks[c].subarray(used[c], used[c] + count), filled);
      filled += count;
      used[c] += count;
    }
    left -= size;
    parts.push(random.permutation(size).map((i) => part[i]));
  }
  return parts;
}

function shares(decks: readonly Uint32Array[], used: readonly number[], size: number, left: number): number[] {
  const wanted = decks.map((deck, c) => (left === 0 ? 0 : ((deck.length - used[c]) * size) / left));
  const counts = wanted.map(Math.floor);
  let missing = size - counts.reduce((a, b) => a + b, 0);
  const byLoss = wanted.map((_, c) => c).sort((a, b) => wanted[b] - counts[b] - (wanted[a] - counts[a]) || a - b);
  for (let i = 0; missing > 0; i = (i + 1) % byLoss.length) {
    const c = byLoss[i];
    if (used[c] + counts[c] >= decks[c].length) continue;
    counts[c]++;
    missing--;
  }
  return counts;
}
