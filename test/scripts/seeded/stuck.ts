// Run by one-process.test.ts, never by vitest itself.
import { expect, it } from 'vitest';

it('passes', () => expect(1).toBe(1));
it('waits for what never comes', () => new Promise(() => {}));
