import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memory } from '../../lib/index.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** The number of tensors, without those that earlier code left to the garbage collector. */
export function liveTensors(): number {
  collect();
  return memory().tensors;
}
