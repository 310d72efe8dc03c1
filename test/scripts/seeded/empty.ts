// Run by one-process.test.ts, never by vitest itself.
import { describe } from 'vitest';

describe('nothing', () => {});
