import { backends, full } from '../../../dist/index.js';

console.log(backends.cpu.isa, await full([3], 4).sum().item());
