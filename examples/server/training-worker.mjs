// Lets the thread read TypeScript; a compiled program starts its worker directly.
import { register } from 'tsx/esm/api';

register();
await import('./training-worker.ts');
