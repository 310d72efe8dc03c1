// Run by one-process.test.ts, never by vitest itself.
import { expect, it } from 'vitest';

it('is declared', () => expect(1).toBe(1));
throw new Error('cannot be loaded');
