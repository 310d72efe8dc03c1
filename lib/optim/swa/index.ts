export { SWALR, type SWALROptions } from './swa-lr.js';
