const nabla = require('nabla');
const { Linear } = require('nabla/nn');
if (Linear !== nabla.nn.Linear) throw new Error('nabla/nn is another copy');
if (nabla.tensor([1, 2, 3]).sum().itemSync() !== 6) throw new Error('wrong sum');
import('./train.mjs').then(({ train }) => train()).then(console.log);
