// What `nabla doctor` asks of the library.
export { binaryPath as nativeFile } from './native.js';
export { tensor } from './tensor/create.js';
export { backends, getNumThreads } from './tensor/runtime.js';

import './index.js';
