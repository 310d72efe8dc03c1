import * as nabla from 'nabla';
import { Linear } from 'nabla/nn';
import { train } from './train.mjs';

if (Linear !== nabla.nn.Linear) throw new Error('nabla/nn is another copy');
const { length } = await nabla.vision.datasets.Digits.load({ train: false });
if (length !== 355) throw new Error(`${length} digits in the package`);
console.log(await train());
