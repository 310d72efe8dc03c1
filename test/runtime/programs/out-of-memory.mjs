// Under NABLA_MAX_BYTES: unreachable tensors are collected before anything fails; what fails is typed and harms nothing.
import { full, OutOfMemoryError, zeros } from '../../../dist/index.js';

for (let i = 0; i < 200; i++) full([2 ** 20], i); // 800 MB in all, none of it kept

const kept = [];
let error;
try {
  for (let i = 0; i < 100; i++) kept.push(full([2 ** 20], i));
} catch (caught) {
  error = caught;
}
kept.pop().dispose();
const sums = await Promise.all(kept.map((x) => x.mean().item()));
const count = kept.length;
kept[0].dispose();
const again = await zeros([2 ** 20])
  .add_(1)
  .mean()
  .item();
console.log(
  JSON.stringify({
    typed: error instanceof OutOfMemoryError,
    bytes: error?.bytes,
    count,
    right: sums.every((s, i) => s === i),
    again,
  }),
);
